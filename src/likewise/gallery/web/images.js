// What is known of the images: their columns read as values, and the rule that says which pass.

import { texts } from "./columns.js";

const DAY_MS = 86_400_000;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The images of a parsed file of columns. */
export function imagesOf({ head, columns }) {
  const key = texts(columns.key_ends, columns.key_bytes);
  const name = (bytes, i) => {
    let id = "";
    for (let j = 8 * i; j < 8 * i + 8; j += 1) id += HEX[bytes[j]];
    return id === "0000000000000000" ? "" : id;
  };
  const keys = Array.from({ length: head.count }, (_, i) => key(i));
  const byKey = new Map(keys.map((each, i) => [each, i]));
  const lower = keys.map((each) => each.toLowerCase());

  return {
    count: head.count,
    facets: head.facets,
    keys,
    find: (text) => byKey.get(text) ?? -1,
    width: (i) => columns.width[i],
    height: (i) => columns.height[i],
    size: (i) => columns.size[i],
    date: (i) => (columns.date[i] ? new Date(columns.date[i]) : null),
    colour: (i) => `rgb(${columns.colour.subarray(3 * i, 3 * i + 3).join(" ")})`,
    thumbnail(i) {
      const id = name(columns.thumbnail, i);
      return id && `thumbs/${id.slice(0, 2)}/${id}.webp`;
    },
    original(i) {
      const kind = columns.original[i];
      const id = kind ? name(columns.original_id, i) : "";
      return id && `originals/${id.slice(0, 2)}/${id}.${head.endings[kind - 1]}`;
    },
    /** The value of a facet, or "" where an image has none. */
    value: (facet, i) => {
      const code = columns[facet.column][i];
      return code ? facet.values[code - 1] : "";
    },
    codes: (facet) => columns[facet.column],
    /** How many images have each value of a facet. */
    counts(facet) {
      const counts = new Uint32Array(facet.values.length + 1);
      for (const code of columns[facet.column]) counts[code] += 1;
      return counts.subarray(1);
    },
    /**
     * Which images pass: a Uint8Array of 0 and 1, or null where nothing is asked.
     * @param asked {text, from, to, facets: {name: value}}; dates as YYYY-MM-DD, in UTC, both days within
     */
    passing({ text = "", from = "", to = "", facets = {} }) {
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = head.facets
        .filter((facet) => facets[facet.name])
        .map((facet) => [columns[facet.column], facet.values.indexOf(facets[facet.name]) + 1]);
      const [begin, end] = [from && Date.parse(from), to && Date.parse(to) + DAY_MS];
      if (!words.length && !wanted.length && !begin && !end) return null;
      const passes = new Uint8Array(head.count);
      for (let i = 0; i < head.count; i += 1) {
        const date = columns.date[i];
        if (wanted.some(([codes, code]) => code === 0 || codes[i] !== code)) continue;
        if ((begin && !(date && date >= begin)) || (end && !(date && date < end))) continue;
        if (words.some((word) => !lower[i].includes(word) && !this.told(i).includes(word))) continue;
        passes[i] = 1;
      }
      return passes;
    },
    /** The values of all facets, in small letters, for words to be looked for in. */
    told(i) {
      return head.facets.map((facet) => this.value(facet, i).toLowerCase()).join(" ");
    },
  };
}
