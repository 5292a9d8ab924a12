// Justified rows: every picture whole, all of a row as high as one another, rows as wide as the page. Pure.

const NARROWEST = 1 / 3; // beyond, a picture stands in a box of this shape; it would be a sliver otherwise
const WIDEST = 4;

/** The shape, width / height, that a picture is given; a square where nobody knows. */
export function shape(width, height) {
  return width > 0 && height > 0 ? Math.min(WIDEST, Math.max(NARROWEST, width / height)) : 1;
}

/**
 * Places for a growing list of pictures. What was placed stays where it is, but for the last row, which may not be full.
 *
 * `width` is of the page, `height` the wanted one of a picture, `gap` between pictures, `below` room under each; all in CSS pixels.
 */
export class Rows {
  constructor({ width, height, gap, below = 0 }) {
    Object.assign(this, { width, height, gap, below });
    this.shapes = [];
    this.boxes = []; // {x, y, width, height} of pictures
    this.rows = []; // {first, end, top, bottom}
  }

  /** Place more pictures behind the others. */
  append(shapes) {
    const last = this.rows.at(-1);
    const from = last && !last.full ? this.rows.pop().first : this.shapes.length;
    this.shapes.push(...shapes);
    this.boxes.length = from;
    let first = from;
    let sum = 0;
    for (let i = from; i < this.shapes.length; i++) {
      const with_ = sum + this.shapes[i];
      const room = this.width - this.gap * (i - first);
      if (with_ * this.height < room) {
        sum = with_;
        continue;
      }
      // the row is full with this picture or without it: whichever is nearer to the wanted height
      const low = room / with_;
      const high = i > first ? (room + this.gap) / sum : Infinity;
      if (high / this.height < this.height / low) {
        this.#place(first, i, high);
        first = i;
        sum = this.shapes[i];
        if (sum * this.height >= this.width) {
          this.#place(first, i + 1, this.width / sum);
          first = i + 1;
          sum = 0;
        }
      } else {
        this.#place(first, i + 1, low);
        first = i + 1;
        sum = 0;
      }
    }
    if (first < this.shapes.length) this.#place(first, this.shapes.length, this.height, false);
  }

  /** From the top of the first row to the end of the last. */
  get bottom() {
    return this.rows.at(-1)?.bottom ?? 0;
  }

  /** [first, end) of the pictures whose rows reach into top…bottom. */
  within(top, bottom) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].bottom < top) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (end < this.rows.length && this.rows[end].top <= bottom) end++;
    return low === end ? [0, 0] : [this.rows[low].first, this.rows[end - 1].end];
  }

  /** The picture above (-1) or below (+1) another, nearest to its middle; itself at the edge. */
  beside(index, step) {
    const at = this.rows.findIndex(({ first, end }) => index >= first && index < end);
    const row = this.rows[at + step];
    if (!row) return index;
    const middle = ({ x, width }) => x + width / 2;
    const wanted = middle(this.boxes[index]);
    let best = row.first;
    for (let i = row.first; i < row.end; i++) {
      if (Math.abs(middle(this.boxes[i]) - wanted) < Math.abs(middle(this.boxes[best]) - wanted)) best = i;
    }
    return best;
  }

  #place(first, end, height, full = true) {
    const top = this.rows.length ? this.bottom + this.gap : 0;
    let x = 0;
    for (let i = first; i < end; i++) {
      const width = this.shapes[i] * height;
      this.boxes[i] = { x, y: top, width, height };
      x += width + this.gap;
    }
    this.rows.push({ first, end, top, bottom: top + height + this.below, full });
  }
}
