// A ZIP archive, stored and not compressed (pictures are compressed already), one file after the other. Pure.
//
// Source: PKWARE, APPNOTE.TXT 6.3.10. Sizes and checksums stand before each file, so any reader can open it from a stream.

export const MOST_FILES = 65_535;
export const MOST_BYTES = 2 ** 32 - 1; // beyond both, ZIP64 would be needed

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32 (ISO 3309) of bytes. */
export function crc32(bytes) {
  let sum = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) sum = TABLE[(sum ^ bytes[i]) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/**
 * The archive piece by piece; no more than one file is held at a time.
 *
 * @param files Async or plain iterable of {name, bytes: Uint8Array, modified: Date | null}; names are relative, with forward slashes.
 * @throws RangeError where a plain ZIP cannot hold so many files or bytes.
 */
export async function* archive(files) {
  const entries = [];
  const taken = new Set();
  let offset = 0;
  for await (const { name, bytes, modified } of files) {
    const entry = { name: new TextEncoder().encode(free(safe(name), taken)), size: bytes.length, crc: crc32(bytes), offset, ...time(modified) };
    offset += 30 + entry.name.length + bytes.length;
    entries.push(entry);
    if (entries.length > MOST_FILES || offset > MOST_BYTES) throw new RangeError("too large for a ZIP archive");
    yield local(entry);
    yield bytes;
  }
  const start = offset;
  for (const entry of entries) {
    const record = central(entry);
    offset += record.length;
    yield record;
  }
  yield end(entries.length, offset - start, start);
}

/** A name that no program unpacks outside the folder: no drive, no leading slash, no `..`, no sign that Windows refuses. */
export function safe(name) {
  const parts = name.split("/").map((part) => part.replace(/[\u0000-\u001f\\:*?"<>|]/g, "_").trim());
  return parts.filter((part) => part && part !== "." && part !== "..").join("/") || "picture";
}

function free(name, taken) {
  let found = name;
  const dot = name.lastIndexOf(".") > name.lastIndexOf("/") + 1 ? name.lastIndexOf(".") : name.length;
  for (let n = 2; taken.has(found.toLowerCase()); n++) found = `${name.slice(0, dot)} (${n})${name.slice(dot)}`;
  taken.add(found.toLowerCase());
  return found;
}

function local(entry) {
  const { bytes, view } = record(30 + entry.name.length, 0x04034b50);
  shared(view, 4, entry);
  bytes.set(entry.name, 30);
  return bytes;
}

function central(entry) {
  const { bytes, view } = record(46 + entry.name.length, 0x02014b50);
  view.setUint16(4, 20, true);
  shared(view, 6, entry);
  view.setUint32(42, entry.offset, true);
  bytes.set(entry.name, 46);
  return bytes;
}

function end(count, size, start) {
  const { bytes, view } = record(22, 0x06054b50);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, size, true);
  view.setUint32(16, start, true);
  return bytes;
}

function record(length, sign) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sign, true);
  return { bytes, view };
}

/** What the local and the central record share: version, UTF-8 names, stored, time, checksum, sizes, length of the name. */
function shared(view, at, { crc, size, name, clock, date }) {
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, 0x0800, true);
  view.setUint16(at + 6, clock, true);
  view.setUint16(at + 8, date, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name.length, true);
}

function time(modified) {
  const when = modified && modified.getFullYear() >= 1980 && modified.getFullYear() < 2108 ? modified : new Date(1980, 0, 1);
  return {
    clock: (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1),
    date: ((when.getFullYear() - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate(),
  };
}
