// Where a map stands on the screen, and which points are where. Pure: knows no page and no server.

export const MOST_ZOOM = 4000;

/** The part of the map that is seen: its middle in map units, and pixels for each unit. */
export class Camera {
  x = 0;
  y = 0;
  scale = 1;
  width = 1;
  height = 1;

  /** Show all of [left, top, right, bottom] in a window of this size. */
  fit([left, top, right, bottom], width = this.width, height = this.height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2;
    this.scale = 0.94 * Math.min(this.width / Math.max(1e-6, right - left), this.height / Math.max(1e-6, bottom - top));
    this.least = this.scale / 2;
    return this;
  }

  /** Another size of the window; the middle stays. */
  resize(width, height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
  }

  /** Move by pixels. */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Grow by a factor; the point under (px, py) stays where it is. */
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.world(px, py);
    this.scale = Math.min(MOST_ZOOM * (this.least ?? 1) * 2, Math.max(this.least ?? 0, this.scale * factor));
    const [nx, ny] = this.world(px, py);
    this.x += x - nx;
    this.y += y - ny;
  }

  /** Pixels → map. */
  world(px, py) {
    return [this.x + (px - this.width / 2) / this.scale, this.y - (py - this.height / 2) / this.scale];
  }

  /** Map → pixels. */
  screen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2];
  }

  /** What is seen, as [left, bottom, right, top] of the map, and `margin` pixels more. */
  seen(margin = 0) {
    const [left, top] = this.world(-margin, -margin);
    const [right, bottom] = this.world(this.width + margin, this.height + margin);
    return [left, bottom, right, top];
  }
}

const CHUNK = 512;

/** Points in the order of the map, in which those that follow each other lie close: runs of them, each with the box that it fills. */
export class Chunks {
  constructor(points) {
    this.points = points;
    this.count = points.length / 2;
    this.boxes = new Float32Array(Math.ceil(this.count / CHUNK) * 4);
    for (let c = 0; c * CHUNK < this.count; c++) {
      let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let i = c * CHUNK; i < Math.min(this.count, (c + 1) * CHUNK); i++) {
        left = Math.min(left, points[2 * i]);
        right = Math.max(right, points[2 * i]);
        bottom = Math.min(bottom, points[2 * i + 1]);
        top = Math.max(top, points[2 * i + 1]);
      }
      this.boxes.set([left, bottom, right, top], 4 * c);
    }
  }

  /** Runs [from, to) of points that may lie in a box; runs that touch are one. */
  runs([left, bottom, right, top]) {
    const found = [];
    for (let c = 0; c * CHUNK < this.count; c++) {
      const [l, b, r, t] = this.boxes.subarray(4 * c, 4 * c + 4);
      if (l > right || r < left || b > top || t < bottom) continue;
      const from = c * CHUNK;
      const to = Math.min(this.count, from + CHUNK);
      if (found.length && found.at(-1)[1] === from) found.at(-1)[1] = to;
      else found.push([from, to]);
    }
    return found;
  }

  /** Points in a box, no more than `most` and one more. */
  within(box, most = Infinity) {
    const [left, bottom, right, top] = box;
    const found = [];
    for (const [from, to] of this.runs(box)) {
      for (let i = from; i < to; i++) {
        const x = this.points[2 * i];
        const y = this.points[2 * i + 1];
        if (x >= left && x <= right && y >= bottom && y <= top && found.push(i) > most) return found;
      }
    }
    return found;
  }

  /** The point that is nearest to a place, at most `reach` away; -1 where there is none. */
  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    for (const i of this.within([x - reach, y - reach, x + reach, y + reach])) {
      const far = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
      if (far <= least) [best, least] = [i, far];
    }
    return best;
  }

  /** Points inside a closed line of [x, y]. */
  inside(line) {
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    return this.within(box).filter((i) => isInside(this.points[2 * i], this.points[2 * i + 1], line));
  }
}

/** Whether a place lies inside a closed line: a ray from it crosses the line an odd number of times. */
export function isInside(x, y, line) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [ax, ay] = line[i];
    const [bx, by] = line[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

const SLOW_MS = 22;
const QUICK_MS = 14;
const FEWEST = 2000;
const MOST = 100000;

/** How many points a frame may have while something moves: fewer after a slow frame, more after a quick one. */
export class Pace {
  most = 30000;
  #before = 0;

  /** Say that a frame begins; `moving` if the one before did too. */
  tick(now, moving) {
    const took = now - this.#before;
    this.#before = now;
    if (!moving || took > 1000) return;
    if (took > SLOW_MS) this.most = Math.max(FEWEST, Math.floor(this.most * 0.75));
    else if (took < QUICK_MS) this.most = Math.min(MOST, Math.ceil(this.most * 1.1));
  }

  /** Every how many-th of so many points is drawn. */
  step(count) {
    return Math.max(1, Math.ceil(count / this.most));
  }
}
