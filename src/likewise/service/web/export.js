// A selection as a list, as a page that needs nothing else, or as a ZIP archive. Knows no server: pictures come through `fetchBlob`.

import { nameOf } from "./elements.js";
import { archive, MOST_BYTES, MOST_FILES } from "./zip.js";
import { number, text } from "./text.js";

export const MOST_ON_PAGE = 500; // pictures in a self-contained page: some 10 MB
const MOST_IN_MEMORY = 2 ** 31; // bytes of an archive that is not written to disk as it grows

/** One key a line. */
export function asText(items) {
  return items.map(({ key }) => `${key}\n`).join("");
}

/** A table for spreadsheets; a text that one could take for a formula is marked as text. */
export function asCsv(items) {
  const names = [...new Set(items.flatMap(({ metadata }) => Object.keys(metadata ?? {})))].sort();
  const head = ["key", "rank", "score", "chance", "width", "height", "size_bytes", "modified", ...names];
  const rows = items.map((item) => head.map((name, at) => cell(at < 8 ? item[name] : item.metadata?.[name])));
  return [head.map(cell), ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** What the server told of each, without its links. */
export function asJson(items) {
  return `${JSON.stringify(items.map(({ links, ...told }) => told), null, 2)}\n`;
}

/** A page with the pictures inside: no script, no request to anywhere. */
export async function asPage(items, thumbnail, onprogress = () => {}, signal) {
  const figures = [];
  for (const item of items.slice(0, MOST_ON_PAGE)) {
    signal?.throwIfAborted();
    const source = await dataUri(await thumbnail(item));
    const score = item.score === undefined ? "" : `<b>${escaped(number(item.score, 4))}</b> `;
    figures.push(`<figure><img src="${source}" alt="${escaped(nameOf(item.key))}" width="${item.width || 256}" height="${item.height || 256}"><figcaption>${score}${escaped(item.key)}</figcaption></figure>`);
    onprogress(figures.length, items.length);
  }
  return `<!DOCTYPE html>
<html lang="${escaped(document.documentElement.lang)}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';img-src data:;style-src 'unsafe-inline'">
<title>${escaped(text("export.title", { count: items.length }))}</title><style>
:root{color-scheme:light dark}body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1400px;padding:0 1rem}
main{display:flex;flex-wrap:wrap;gap:16px}figure{margin:0;width:220px}img{width:100%;height:auto;border-radius:6px;display:block}
figcaption{overflow-wrap:anywhere;opacity:.75;margin-top:4px;font-size:12px}h1{font-size:20px}
</style></head><body><h1>${escaped(text("export.title", { count: items.length }))}</h1><main>
${figures.join("\n")}
</main></body></html>
`;
}

/**
 * A ZIP archive of the originals: to a file as it grows where the browser can, else in memory within a bound.
 *
 * @returns How many pictures went in; those that could not be fetched are told in `missing.txt` inside.
 * @throws RangeError where there are too many, or they are too large.
 */
export async function saveZip(items, fetchBlob, name, onprogress = () => {}, signal) {
  if (items.length >= MOST_FILES) throw new RangeError(text("export.toomany", { count: MOST_FILES }));
  const known = items.reduce((sum, { size_bytes: size }) => sum + Math.max(0, size ?? 0), 0);
  const file = await diskFile(name);
  const most = file ? MOST_BYTES : MOST_IN_MEMORY;
  if (known > most) throw new RangeError(text("export.toolarge"));
  let done = 0;
  const missing = [];
  async function* originals() {
    for (const item of items) {
      signal?.throwIfAborted();
      try {
        const blob = await fetchBlob(item);
        yield { name: item.key.replace(/^[a-z]+:\/\//, ""), bytes: new Uint8Array(await blob.arrayBuffer()), modified: item.modified ? new Date(item.modified) : null };
      } catch (error) {
        if (error.name === "AbortError") throw error;
        missing.push(`${item.key}: ${error.message}`);
      }
      onprogress(++done, items.length);
    }
    if (missing.length) yield { name: "missing.txt", bytes: new TextEncoder().encode(missing.join("\n")), modified: null };
  }
  const parts = [];
  let size = 0;
  for await (const piece of archive(originals())) {
    size += piece.length;
    if (size > most) throw new RangeError(text("export.toolarge"));
    if (file) await file.write(piece);
    else parts.push(new Blob([piece])); // the browser may keep blobs on disk; bytes stay in memory
  }
  if (file) await file.close();
  else save(new Blob(parts, { type: "application/zip" }), name);
  return items.length - missing.length;
}

/** Give a blob or a text to the user as a file. */
export function save(content, name, type = "text/plain;charset=utf-8") {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function diskFile(name) {
  if (typeof globalThis.showSaveFilePicker !== "function") return null;
  try {
    const handle = await showSaveFilePicker({ suggestedName: name, types: [{ accept: { "application/zip": [".zip"] } }] });
    return await handle.createWritable();
  } catch (error) {
    if (error.name === "AbortError") throw error; // the user closed the window
    return null;
  }
}

function cell(value) {
  if (value === null || value === undefined) return "";
  let told = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(told)) told = `'${told}`;
  return /[",\r\n]/.test(told) ? `"${told.replaceAll('"', '""')}"` : told;
}

function escaped(value) {
  return String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function dataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
