// Files of columns as the library packs them: a JSON head, then arrays that are used where they lie.

const ARRAYS = {
  u8: Uint8Array, i8: Int8Array, u16: Uint16Array, u32: Uint32Array, f32: Float32Array, f64: Float64Array,
};
const MAGIC = 0x47574b4c; // "LKWG", little-endian

/** The head and the columns of a file: `{head, columns: {name: TypedArray}}`. Throws if it is none of ours. */
export function parsed(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error("a file of this gallery is damaged");
  const length = view.getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const columns = {};
  for (const [name, at] of Object.entries(head.columns)) {
    columns[name] = new ARRAYS[at.type](buffer, 8 + length + at.offset, at.length);
  }
  return { head, columns };
}

/** Reads texts from the two columns that they are kept in: `(i) => string`. */
export function texts(ends, bytes) {
  const decoder = new TextDecoder();
  return (i) => decoder.decode(bytes.subarray(i ? ends[i - 1] : 0, ends[i]));
}
