// The public API of the server, and the only file of the page that fetches.

const MOST_TRIES = 6; // of a request that the server is too busy for
const LONGEST_WAIT_S = 30;
const MOST_BLOBS = 600; // pictures kept in memory on a guarded server; the oldest go

/** What went wrong, in the server's own words: RFC 9457. `status` is 0 where the server could not be reached. */
export class Problem extends Error {
  constructor({ status = 0, type = "", title = "", detail = "", ...more }) {
    super(detail || title || `${status}`);
    Object.assign(this, { name: "Problem", status, title, detail, more, slug: type.split("/").at(-1) });
  }

  /** Whether the server did not answer at all. */
  get isAway() {
    return this.status === 0;
  }
}

export class Api {
  #token;
  #asking = null;
  #blobs = new Map(); // link → promise of the address of a blob

  /**
   * @param onwait (seconds, tries) when the server is busy, before each wait; `onwait(0)` when it is over.
   * @param ontoken (wasWrong) → promise of a token, or null where the user gives none.
   * @param storage Where the token stays: of the session, so that it ends with the tab.
   */
  constructor({ onwait = () => {}, ontoken = async () => null, storage = sessionStorage, base = "/v1" } = {}) {
    Object.assign(this, { onwait, ontoken, storage, base });
    this.#token = storage.getItem("likewise.token");
  }

  get isGuarded() {
    return this.#token !== null;
  }

  get(path, params, options) {
    return this.#json("GET", path, { params, ...options });
  }

  /** `body`: a value for JSON, a FormData, or a Blob. */
  post(path, body, options) {
    return this.#json("POST", path, { body, ...options });
  }

  put(path, body, options) {
    return this.#json("PUT", path, { body, ...options });
  }

  delete(path, options) {
    return this.#json("DELETE", path, { ...options });
  }

  /** The body as {buffer, headers}. */
  async bytes(path, params, options) {
    const answer = await this.#ask("GET", path, { params, ...options });
    return { buffer: await answer.arrayBuffer(), headers: answer.headers };
  }

  /** The file behind a link of an answer, such as a hit's `links.original`. */
  async blob(link, options) {
    return (await this.#ask("GET", link, { ...options })).blob();
  }

  /** Send a body, and tell of each line of an answer of newline-delimited JSON as it comes. */
  async lines(path, body, online, { signal } = {}) {
    const answer = await this.#ask("POST", path, { body, accept: "application/x-ndjson", signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      text += done ? "\n" : value;
      const whole = text.split("\n");
      text = whole.pop();
      for (const line of whole) if (line.trim()) online(JSON.parse(line));
      if (done) return;
    }
  }

  /** Server-sent events, with the token; `onevent({event, data})`. Returns a function that stops. */
  events(path, onevent, onerror = () => {}) {
    const stop = new AbortController();
    (async () => {
      const answer = await this.#ask("GET", path, { accept: "text/event-stream", signal: stop.signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        text = (text + value).replaceAll("\r\n", "\n");
        const whole = text.split("\n\n");
        text = whole.pop();
        for (const each of whole) {
          const said = (name) => each.split("\n").filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
          if (said("data").length) onevent({ event: said("event")[0] ?? "message", data: JSON.parse(said("data").join("\n")) });
        }
      }
    })().catch((error) => error.name === "AbortError" || onerror(error));
    return () => stop.abort();
  }

  /** What to give to `img.src`: the link itself, or on a guarded server the promise of a blob's address. */
  source(link) {
    if (!this.isGuarded) return link;
    let found = this.#blobs.get(link);
    if (found) this.#blobs.delete(link);
    else found = this.blob(link).then(URL.createObjectURL);
    this.#blobs.set(link, found);
    found.catch(() => this.#blobs.delete(link));
    if (this.#blobs.size > MOST_BLOBS) this.#forget(this.#blobs.keys().next().value);
    return found;
  }

  /** Where an image's thumbnail is, in the first of the usual sizes that fills `side` pixels of the screen. */
  thumbnail(item, side, ratio = globalThis.devicePixelRatio || 1) {
    const wanted = [128, 256, 512, 1024].find((each) => each >= side * ratio * 0.8) ?? 1024;
    const link = item.links?.thumbnail ?? `${this.base}/images/${path(item.key)}/thumbnail`;
    const bare = link.replace(/([?&])side=\d+&?/, "$1").replace(/[?&]$/, "");
    return `${bare}${bare.includes("?") ? "&" : "?"}side=${wanted}`;
  }

  #forget(link) {
    const blob = this.#blobs.get(link);
    this.#blobs.delete(link);
    blob?.then(URL.revokeObjectURL, () => {});
  }

  async #json(method, where, options) {
    const answer = await this.#ask(method, where, options);
    return answer.status === 204 ? null : answer.json();
  }

  async #ask(method, where, options) {
    for (let tries = 1; ; tries++) {
      const answer = await this.#once(method, where, options);
      if (answer.ok) return answer;
      const problem = await told(answer);
      if (answer.status === 401) {
        if (!(await this.#asked())) throw problem;
      } else if ((answer.status === 429 || answer.status === 503) && answer.headers.has("Retry-After") && tries < MOST_TRIES) {
        const seconds = Math.min(LONGEST_WAIT_S, Math.max(0.2, Number(answer.headers.get("Retry-After")) || 1));
        this.onwait(seconds, tries);
        await sleep(seconds, options.signal).finally(() => this.onwait(0, tries));
      } else throw problem;
    }
  }

  async #once(method, where, { params, body, accept = "application/json", headers = {}, signal }) {
    const query = new URLSearchParams(Object.entries(params ?? {}).flatMap(([name, value]) => (value === null || value === undefined || value === "" ? [] : [[name, value]])));
    const address = (where.startsWith(`${this.base}/`) ? where : this.base + where) + (query.size ? `?${query}` : "");
    const sent = { ...headers, Accept: accept };
    if (this.#token !== null) sent.Authorization = `Bearer ${this.#token}`;
    if (method !== "GET") sent["X-Likewise"] = "1";
    const raw = body instanceof FormData || body instanceof Blob;
    if (body !== undefined && !raw) sent["Content-Type"] = "application/json";
    try {
      return await fetch(address, { method, headers: sent, body: raw || body === undefined ? body : JSON.stringify(body), signal, credentials: "same-origin" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem({ status: 0, title: "away", detail: "" });
    }
  }

  /** Ask for a token once, however many requests were refused. */
  async #asked() {
    this.#asking ??= this.ontoken(this.#token !== null).finally(() => (this.#asking = null));
    const token = await this.#asking;
    if (!token) return false;
    this.#token = token;
    this.storage.setItem("likewise.token", token);
    return true;
  }
}

/** A key as a path: slashes stay, everything else is escaped. */
export function path(key) {
  return key.split("/").map(encodeURIComponent).join("/");
}

async function told(answer) {
  const text = await answer.text().catch(() => "");
  try {
    return new Problem({ ...JSON.parse(text), status: answer.status });
  } catch {
    return new Problem({ status: answer.status, title: answer.statusText, detail: text.slice(0, 300) });
  }
}

function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}
