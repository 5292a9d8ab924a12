// A grid of any number of pictures, of which only those in sight are in the document. Arrow keys walk it.

const SPARE_ROWS = 2; // above and below what is in sight

/**
 * @param root a `ul`; squares stand in it by their place alone
 * @param fill (li, place) => void: makes the content of one square; its first button or link takes the focus
 * @param least the least width of a square in pixels, for a width of the grid: (width) => pixels
 * @param below pixels below each square for its caption
 */
export function createGrid(root, { fill, least, gap = 8, below = 0 }) {
  const shown = new Map(); // place → li
  let count = 0;
  let columns = 1;
  let side = 1;
  let active = 0;
  let caption = below;

  const step = () => side + caption + gap;
  const handle = (li) => li.querySelector("button, a");

  function measure() {
    const width = root.clientWidth;
    columns = Math.max(1, Math.floor((width + gap) / (least(width) + gap)));
    side = (width - gap * (columns - 1)) / columns;
    root.style.height = `${Math.max(0, Math.ceil(count / columns) * step() - gap)}px`;
  }

  function put(li, place) {
    const row = Math.floor(place / columns);
    const left = (place - row * columns) * (side + gap);
    li.style.transform = `translate(${left}px, ${row * step()}px)`;
    li.style.width = `${side}px`;
    li.style.height = `${side + caption}px`;
  }

  function draw() {
    const top = -root.getBoundingClientRect().top;
    const first = Math.max(0, (Math.floor(top / step()) - SPARE_ROWS) * columns);
    const end = Math.min(count, (Math.ceil((top + innerHeight) / step()) + SPARE_ROWS) * columns);
    const focused = document.activeElement?.closest("li");
    for (const [place, li] of shown) {
      if ((place < first || place >= end) && li !== focused) {
        li.remove();
        shown.delete(place);
      }
    }
    for (let place = first; place < end; place += 1) {
      if (!shown.has(place)) {
        const li = document.createElement("li");
        li.setAttribute("aria-posinset", place + 1);
        li.setAttribute("aria-setsize", count);
        li.dataset.place = place;
        fill(li, place);
        handle(li)?.setAttribute("tabindex", place === active ? "0" : "-1");
        put(li, place);
        const after = [...shown.keys()].filter((other) => other < place);
        const before = after.length ? shown.get(Math.max(...after)).nextSibling : root.firstChild;
        root.insertBefore(li, before); // the order of reading is that of the places
        shown.set(place, li);
      }
    }
  }

  function arrange() {
    measure();
    for (const [place, li] of shown) put(li, place);
    draw();
  }

  function focus(place) {
    const old = shown.get(active);
    if (old) handle(old)?.setAttribute("tabindex", "-1");
    active = Math.max(0, Math.min(count - 1, place));
    const top = root.getBoundingClientRect().top + scrollY + Math.floor(active / columns) * step();
    const hidden = top - gap < scrollY + (root.dataset.covered ? Number(root.dataset.covered) : 0);
    if (hidden) scrollTo({ top: top - gap - Number(root.dataset.covered || 0) });
    else if (top + step() > scrollY + innerHeight) scrollTo({ top: top + step() - innerHeight });
    draw();
    const li = shown.get(active);
    if (!li) return;
    handle(li)?.setAttribute("tabindex", "0");
    handle(li)?.focus({ preventScroll: true });
  }

  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(innerHeight / step())) * columns;
    const moves = {
      ArrowRight: active + 1, ArrowLeft: active - 1, ArrowDown: active + columns, ArrowUp: active - columns,
      PageDown: active + page, PageUp: active - page, Home: 0, End: count - 1,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    if (moves[event.key] >= 0 && moves[event.key] < count) focus(moves[event.key]);
    else if (event.key.startsWith("Page")) focus(event.key === "PageUp" ? 0 : count - 1);
  });
  root.addEventListener("focusin", (event) => {
    const li = event.target.closest("li");
    if (li && Number(li.dataset.place) !== active) {
      const old = shown.get(active);
      if (old) handle(old)?.setAttribute("tabindex", "-1");
      active = Number(li.dataset.place);
      handle(li)?.setAttribute("tabindex", "0");
    }
  });
  new ResizeObserver(arrange).observe(root);
  addEventListener("scroll", draw, { passive: true });

  return {
    /** Show so many squares anew. */
    show(many, options = {}) {
      for (const li of shown.values()) li.remove();
      shown.clear();
      root.replaceChildren();
      count = many;
      active = 0;
      caption = options.below ?? below;
      arrange();
    },
    /** Bring a square into sight and focus it. */
    focus,
    /** The place that the arrow keys are at. */
    get active() {
      return active;
    },
    arrange,
  };
}
