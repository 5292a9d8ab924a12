// Many pictures in justified rows; only those near the window exist as elements. Knows no server.
//
// Keys: arrows, Home and End move; Enter follows the picture's link; what else a key does, `onkey` says.

import { h } from "./elements.js";
import { Rows, shape } from "./layout.js";

export class Grid {
  #items = [];
  #rows;
  #tiles = new Map(); // index → element
  #active = 0;
  #frame = 0;
  #wide = 0;
  #ended = false;

  /**
   * @param root An element; the grid fills it.
   * @param draw (item, index) → the contents of a tile: a list of elements, the first one a link or a button.
   * @param paint (tile, item, index) → marks what changes without the picture: selected, pressed.
   * @param onend Called when the end comes near; once, until more is appended.
   * @param onkey (event, item, index) → true where the key was taken.
   * @param label Of the list, for screen readers.
   * @param below Room under each picture, in pixels.
   */
  constructor(root, { draw, paint = () => {}, onend = () => {}, onkey = () => false, label, height = 190, gap = 8, below = 0 }) {
    Object.assign(this, { root, draw, paint, onend, onkey, height, gap, below });
    this.list = h("ul.grid", { role: "list", "aria-label": label, onkeydown: (event) => this.#key(event), onfocusin: (event) => this.#focused(event) });
    root.append(this.list);
    this.#begin();
    this.soon = () => (this.#frame ||= requestAnimationFrame(() => this.#draw()));
    this.watch = new ResizeObserver(() => this.#resized());
    this.watch.observe(root);
    addEventListener("scroll", this.soon, { passive: true });
  }

  get items() {
    return this.#items;
  }

  /** Stop listening, and leave the page. */
  close() {
    this.watch.disconnect();
    removeEventListener("scroll", this.soon);
    cancelAnimationFrame(this.#frame);
    this.list.remove();
  }

  /** Show other pictures. */
  show(items) {
    this.#items = [];
    this.#active = 0;
    this.#begin();
    this.append(items);
  }

  append(items) {
    this.#items.push(...items);
    this.#rows.append(items.map(({ width, height }) => shape(width, height)));
    this.#ended = false;
    for (const [index, tile] of this.#tiles) this.#place(tile, index); // the last row may have changed
    this.list.style.height = `${this.#rows.bottom}px`;
    this.soon();
  }

  /** Another height of the rows, in pixels. */
  resize(height) {
    this.height = height;
    this.#again();
  }

  /** Mark visible tiles anew. */
  repaint() {
    for (const [index, tile] of this.#tiles) this.paint(tile, this.#items[index], index);
  }

  /** Put the keyboard on a picture, and the window where it is. */
  focus(index) {
    if (!this.#items.length) return;
    this.#active = Math.max(0, Math.min(index, this.#items.length - 1));
    const box = this.#rows.boxes[this.#active];
    const top = this.list.getBoundingClientRect().top;
    const margin = 90; // the head of the page covers some of it
    if (top + box.y < margin) scrollBy(0, top + box.y - margin);
    else if (top + box.y + box.height + this.below > innerHeight - 20) scrollBy(0, top + box.y + box.height + this.below - innerHeight + 20);
    this.#draw();
    this.#tiles.get(this.#active)?.firstElementChild.focus({ preventScroll: true });
    this.#reachable();
  }

  get active() {
    return this.#active;
  }

  #begin() {
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
    this.#wide = this.root.clientWidth;
    this.#rows = new Rows({ width: Math.max(60, this.#wide), height: this.#fitting(), gap: this.gap, below: this.below });
  }

  /** Rows on a narrow page are lower, so that two or three pictures stand beside one another. */
  #fitting() {
    return Math.min(this.height, Math.max(84, this.#wide / 2.6));
  }

  #resized() {
    if (this.root.clientWidth !== this.#wide) this.#again();
    else this.soon();
  }

  /** Lay all out anew; the picture at the top of the window stays there. */
  #again() {
    if (!this.root.clientWidth) return; // hidden
    const top = this.list.getBoundingClientRect().top;
    const [first] = this.#rows.within(-top, -top);
    const before = this.#rows.boxes[first]?.y ?? 0;
    const items = this.#items;
    this.#items = [];
    this.#begin();
    this.append(items);
    if (top < 0 && this.#rows.boxes[first]) scrollBy(0, this.#rows.boxes[first].y - before);
    this.#draw();
  }

  #draw() {
    this.#frame = 0;
    const top = this.list.getBoundingClientRect().top;
    const spare = innerHeight; // a window above and one below
    const [first, end] = this.#rows.within(-top - spare, -top + innerHeight + spare);
    for (const [index, tile] of this.#tiles) {
      if ((index < first || index >= end) && !tile.contains(document.activeElement)) {
        tile.remove();
        this.#tiles.delete(index);
      }
    }
    for (let index = first; index < end; index++) if (!this.#tiles.has(index)) this.#add(index);
    this.#reachable();
    if (!this.#ended && this.#items.length && end === this.#items.length) {
      this.#ended = true;
      this.onend();
    }
  }

  #add(index) {
    const item = this.#items[index];
    const tile = h("li.tile", { "data-index": index, "aria-posinset": index + 1, "aria-setsize": -1 }, this.draw(item, index, this.#rows.boxes[index]));
    this.#place(tile, index);
    this.paint(tile, item, index);
    const next = [...this.#tiles.keys()].filter((each) => each > index).sort((a, b) => a - b)[0];
    this.list.insertBefore(tile, next === undefined ? null : this.#tiles.get(next)); // in order, also for who tabs or listens
    this.#tiles.set(index, tile);
  }

  #place(tile, index) {
    const { x, y, width, height } = this.#rows.boxes[index];
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.style.width = `${width}px`;
    tile.style.height = `${height + this.below}px`;
    tile.style.setProperty("--picture", `${height}px`);
  }

  /** One picture is reached by Tab, the others by arrows. */
  #reachable() {
    const shown = this.#tiles.has(this.#active) ? this.#active : Math.min(...this.#tiles.keys());
    for (const [index, tile] of this.#tiles) {
      for (const each of tile.querySelectorAll("a, button")) each.tabIndex = index === shown ? 0 : -1;
    }
  }

  #focused(event) {
    const tile = event.target.closest(".tile");
    if (!tile || Number(tile.dataset.index) === this.#active) return;
    this.#active = Number(tile.dataset.index);
    this.#reachable();
  }

  #key(event) {
    const index = this.#active;
    const item = this.#items[index];
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      ArrowUp: this.#rows.beside(index, -1),
      ArrowDown: this.#rows.beside(index, 1),
      Home: 0,
      End: this.#items.length - 1,
    }[event.key];
    if (to !== undefined && !event.shiftKey) this.focus(to);
    else if (!this.onkey(event, item, index)) return;
    event.preventDefault();
  }
}
