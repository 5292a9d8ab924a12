// What a map is made of, as the server tells it: points, keys, names, sheets of small pictures.

const MAGIC = "LKWM";
const HEAD = 32; // bytes
const PAGE = 50000; // keys in one answer
const MOST_SHEETS = 48; // held at once, 4 MB each once decoded

/** Read what `GET /v1/map/points` answers: {points, etag}. */
export function readPoints(buffer) {
  const view = new DataView(buffer);
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4));
  const count = view.getUint32(8, true);
  if (magic !== MAGIC || view.getUint32(4, true) !== 1 || buffer.byteLength !== HEAD + 8 * count) throw new Error("these are no points of a map");
  const points = new Float32Array(2 * count);
  for (let i = 0; i < 2 * count; i++) points[i] = view.getFloat32(HEAD + 4 * i, true);
  return { points, etag: String.fromCharCode(...new Uint8Array(buffer, 16, 16)) };
}

/** One byte for each point, of base64. */
export function readCodes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export class MapData {
  #sheets = new Map();
  #onsheet;

  constructor(api, collection, onsheet, signal) {
    this.api = api;
    this.where = collection ? { collection } : {};
    this.#onsheet = onsheet;
    this.signal = signal;
  }

  facts() {
    return this.api.get("/map", this.where, { signal: this.signal });
  }

  make() {
    return this.api.post("/map", this.where, { signal: this.signal });
  }

  stop() {
    return this.api.delete("/map" + this.#query({}), { signal: this.signal });
  }

  async load(facts) {
    this.version = { ...this.where, v: facts.etag };
    this.facts_ = facts;
    const { buffer } = await this.api.bytes("/map/points", this.version, { signal: this.signal });
    const { points } = readPoints(buffer);
    const pages = [];
    for (let from = 0; from < facts.count; from += PAGE) pages.push(this.api.get("/map/keys", { ...this.version, from, count: PAGE }, { signal: this.signal }));
    this.keys = (await Promise.all(pages)).flatMap(({ keys }) => keys);
    return points;
  }

  async colours(by) {
    const { names, codes } = await this.api.get("/map/colours", { ...this.version, by }, { signal: this.signal });
    return { names, codes: readCodes(codes) };
  }

  /** Where the small picture of a point is: {image, x, y, side}, or null as long as its sheet is on its way. */
  small(point) {
    const { per_sheet: per, columns, side } = this.facts_;
    const number = Math.floor(point / per);
    const found = this.#sheets.get(number) ?? this.#fetch(number);
    this.#sheets.delete(number);
    this.#sheets.set(number, found); // the one that was used last stands last
    const place = point % per;
    return found.ready ? { image: found.image, x: (place % columns) * side, y: Math.floor(place / columns) * side, side } : null;
  }

  #fetch(number) {
    const image = new Image();
    const found = { image, ready: false };
    image.addEventListener("load", () => ((found.ready = true), this.#onsheet()));
    Promise.resolve(this.api.source(`/v1/map/atlas/${number}${this.#query(this.version)}`)).then((address) => (image.src = address), () => {});
    this.#sheets.set(number, found);
    while (this.#sheets.size > MOST_SHEETS) this.#sheets.delete(this.#sheets.keys().next().value);
    return found;
  }

  #query(values) {
    const text = new URLSearchParams({ ...this.where, ...values }).toString();
    return text ? `?${text}` : "";
  }
}
