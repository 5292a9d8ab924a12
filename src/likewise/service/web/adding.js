// Adding pictures to the gallery: some at a time, with progress, and a list of what was left out.

import { progress } from "./notices.js";
import { number, text } from "./text.js";

const MOST_AT_ONCE = 16; // files of one request
const BYTES_AT_ONCE = 24_000_000;

/** Files in bundles of bounded number and size, in their order. Pure. */
export function bundles(files, { most = MOST_AT_ONCE, bytes = BYTES_AT_ONCE } = {}) {
  const out = [];
  let size = 0;
  for (const file of files) {
    const last = out.at(-1);
    if (last && last.length < most && size + file.size <= bytes) {
      last.push(file);
      size += file.size;
    } else {
      out.push([file]);
      size = file.size;
    }
  }
  return out;
}

/**
 * Send files to the gallery.
 *
 * @returns {added, same, left: [{key, reason}], stopped}
 */
export async function add(files, { api, collection }) {
  const stop = new AbortController();
  const shown = progress(text("adding.working", { done: 0, count: files.length }), () => stop.abort());
  const out = { added: 0, same: 0, left: [], stopped: false };
  let done = 0;
  const one = ({ key, status, reason }) => {
    done++;
    if (status === "added" || status === "replaced") out.added++;
    else if (status === "unchanged") out.same++;
    else out.left.push({ key, reason });
    shown.set(done, files.length);
    shown.say(text("adding.working", { done: number(done), count: number(files.length) }));
  };
  try {
    for (const bundle of bundles(files)) {
      const body = new FormData();
      for (const file of bundle) body.append("file", file, file.webkitRelativePath || file.name);
      const where = `/images${collection ? `?collection=${encodeURIComponent(collection)}` : ""}`;
      const before = done;
      await api.lines(where, body, (line) => (line.results ?? [line]).forEach(one), { signal: stop.signal });
      if (done === before) throw new Error(text("adding.nothing"));
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    out.stopped = true;
  } finally {
    shown.close();
  }
  return out;
}
