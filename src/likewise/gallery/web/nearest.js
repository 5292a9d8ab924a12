// Nearest neighbours by 8-bit codes, in a worker, so that the page stays quick.

/**
 * The k best images for a mix of images, best first; equal ones in gallery order.
 * @param gallery {codes: Int8Array, steps: Float32Array, biases: Float32Array, width}
 * @param terms [[image, weight], …]
 * @param allowed Uint8Array with 1 for images that may be found, or null for all
 * @param left images that are left out
 * @returns {{places: Uint32Array, ranks: Float64Array}} ranks as the library's scores but for a constant
 */
export function nearest(gallery, terms, k, allowed, left) {
  const { codes, steps, biases, width } = gallery;
  const count = biases.length;
  const query = new Float64Array(width);
  let total = 0;
  for (const [image, weight] of terms) {
    total += weight;
    for (let j = 0; j < width; j += 1) query[j] += weight * steps[image] * codes[image * width + j];
  }
  const out = new Set(left);
  const ranks = new Float64Array(k); // a heap: the worst of the best at the top
  const places = new Uint32Array(k);
  let size = 0;
  const worse = (a, b) => ranks[a] < ranks[b] || (ranks[a] === ranks[b] && places[a] > places[b]);
  const swap = (a, b) => {
    [ranks[a], ranks[b]] = [ranks[b], ranks[a]];
    [places[a], places[b]] = [places[b], places[a]];
  };
  const sink = (end) => {
    for (let at = 0; ;) {
      let child = 2 * at + 1;
      if (child >= end) return;
      if (child + 1 < end && worse(child + 1, child)) child += 1;
      if (!worse(child, at)) return;
      swap(at, child);
      at = child;
    }
  };
  for (let i = 0; i < count; i += 1) {
    if ((allowed && !allowed[i]) || out.has(i)) continue;
    let sum = 0;
    for (let j = 0, at = i * width; j < width; j += 1, at += 1) sum += query[j] * codes[at];
    const rank = steps[i] * sum + total * biases[i];
    if (size < k) {
      let at = size;
      size += 1;
      ranks[at] = rank;
      places[at] = i;
      while (at > 0 && worse(at, (at - 1) >> 1)) {
        swap(at, (at - 1) >> 1);
        at = (at - 1) >> 1;
      }
    } else if (k > 0 && rank > ranks[0]) {
      ranks[0] = rank;
      places[0] = i;
      sink(size);
    }
  }
  for (let end = size - 1; end > 0; end -= 1) {
    swap(0, end);
    sink(end);
  }
  return { places: places.slice(0, size), ranks: ranks.slice(0, size) };
}

/** A worker that searches a gallery: `search(terms, k, allowed, left)` promises what `nearest` gives. */
export function searcher(gallery) {
  const source = `const nearest = ${nearest};
let gallery = null;
onmessage = ({ data }) => {
  if (data.gallery) gallery = data.gallery;
  else postMessage({ id: data.id, found: nearest(gallery, data.terms, data.k, data.allowed, data.left) });
};`;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(address);
  const asked = new Map();
  let last = 0;
  worker.onmessage = ({ data }) => {
    asked.get(data.id)(data.found);
    asked.delete(data.id);
  };
  worker.postMessage({ gallery });
  return {
    search(terms, k, allowed, left) {
      last += 1;
      const id = last;
      return new Promise((resolve) => {
        asked.set(id, resolve);
        worker.postMessage({ id, terms, k, allowed, left });
      });
    },
  };
}
