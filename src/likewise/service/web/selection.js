// Which pictures are selected, by key; tells who listens. Knows no server and no page.

export class Selection extends EventTarget {
  #items = new Map(); // key → item, in the order of selecting
  #last = null;

  get size() {
    return this.#items.size;
  }

  has(key) {
    return this.#items.has(key);
  }

  keys() {
    return [...this.#items.keys()];
  }

  items() {
    return [...this.#items.values()];
  }

  add(...items) {
    for (const item of items) this.#items.set(item.key, item);
    this.#tell();
  }

  delete(...keys) {
    for (const key of keys) this.#items.delete(key);
    this.#tell();
  }

  clear() {
    this.#items.clear();
    this.#last = null;
    this.#tell();
  }

  /** Take one in or out; with `through`, all between it and the one before get what it gets. */
  toggle(items, index, { through = false } = {}) {
    const item = items[index];
    const from = through && this.#last !== null ? items.findIndex(({ key }) => key === this.#last) : -1;
    if (from >= 0) {
      for (const each of items.slice(Math.min(from, index), Math.max(from, index) + 1)) this.#items.set(each.key, each);
    } else if (!this.#items.delete(item.key)) this.#items.set(item.key, item);
    this.#last = item.key;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
