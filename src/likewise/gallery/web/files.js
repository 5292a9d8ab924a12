// Where the gallery's files come from: fetched where there is a server, and from file:// their twins, which are scripts.

const waiting = new Map();

/** Called by a twin: gives its bytes, written in base64, to whoever waits for them. */
function deliver(name, base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  waiting.get(name)?.(bytes.buffer);
  waiting.delete(name);
}

function fromTwin(name) {
  globalThis.likewiseDeliver = deliver;
  return new Promise((resolve, reject) => {
    waiting.set(name, resolve);
    const script = document.createElement("script");
    script.src = `${name}.js`;
    script.onerror = () => reject(new Error(`${name}.js is missing`));
    script.onload = () => script.remove();
    document.head.append(script);
  });
}

async function fetched(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: the server says ${answer.status}`);
  return answer.arrayBuffer();
}

/** The bytes of a file of the gallery, as an ArrayBuffer. */
export function loaded(name) {
  return location.protocol === "file:" ? fromTwin(name) : fetched(name);
}
