// Pictures as places on a plane: dots in colours, and pictures where there is room. Wheel, fingers and keys move and zoom it.

const CELL = 72; // pixels between pictures
const PICTURE = 60;
const MOST_KEPT = 600; // pictures in memory
const COLOURS = ["#3b82f6", "#ef4444", "#10b981", "#f59e0b", "#8b5cf6", "#ec4899", "#14b8a6", "#84cc16", "#f97316", "#06b6d4"];

/**
 * @param canvas fills its parent
 * @param source (image) => address of its thumbnail, or "" where there is none
 * @param on {open(image), hover(image or -1)}
 */
export function createScatter(canvas, { source, on }) {
  const pictures = new Map();
  const brush = canvas.getContext("2d");
  let xs = new Float32Array(0);
  let ys = xs;
  let allowed = null;
  let groups = null;
  let view = { x: 0.5, y: 0.5, scale: 0.9 }; // the middle, and screens a unit
  let shown = []; // [image, left, top] of the pictures drawn
  let waiting = false;
  const fingers = new Map();
  let moved = 0;

  const unit = () => Math.min(canvas.clientWidth, canvas.clientHeight) * view.scale;
  const across = (x) => (x - view.x) * unit() + canvas.clientWidth / 2;
  const down = (y) => (y - view.y) * unit() + canvas.clientHeight / 2;

  function picture(image) {
    let kept = pictures.get(image);
    if (kept) {
      pictures.delete(image);
      pictures.set(image, kept);
      return kept.complete && kept.naturalWidth ? kept : null;
    }
    const address = source(image);
    if (!address) return null;
    kept = new Image();
    kept.onload = redraw;
    kept.src = address;
    pictures.set(image, kept);
    if (pictures.size > MOST_KEPT) pictures.delete(pictures.keys().next().value);
    return null;
  }

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }

  function draw() {
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, width, height);
    const cells = new Map();
    const size = unit();
    for (let i = 0; i < xs.length; i += 1) {
      if (allowed && !allowed[i]) continue;
      const x = (xs[i] - view.x) * size + width / 2;
      const y = (ys[i] - view.y) * size + height / 2;
      if (x < -CELL || y < -CELL || x > width + CELL || y > height + CELL) continue;
      brush.fillStyle = groups ? COLOURS[groups[i] % COLOURS.length] : COLOURS[0];
      brush.globalAlpha = 0.75;
      brush.fillRect(x - 1.5, y - 1.5, 3, 3);
      // cells stay with the plane, so that pictures do not flicker when it is moved
      const cell = `${Math.floor((xs[i] * size) / CELL)} ${Math.floor((ys[i] * size) / CELL)}`;
      if (!cells.has(cell)) cells.set(cell, i);
    }
    brush.globalAlpha = 1;
    shown = [];
    for (const i of cells.values()) {
      const found = picture(i);
      if (!found) continue;
      const scale = PICTURE / Math.max(found.naturalWidth, found.naturalHeight);
      const [wide, tall] = [found.naturalWidth * scale, found.naturalHeight * scale];
      const left = across(xs[i]) - wide / 2;
      const top = down(ys[i]) - tall / 2;
      brush.drawImage(found, left, top, wide, tall);
      if (groups) {
        brush.strokeStyle = COLOURS[groups[i] % COLOURS.length];
        brush.lineWidth = 2;
        brush.strokeRect(left, top, wide, tall);
      }
      shown.push([i, left, top, wide, tall]);
    }
  }

  function at(x, y) {
    for (let j = shown.length - 1; j >= 0; j -= 1) {
      const [image, left, top, wide, tall] = shown[j];
      if (x >= left && y >= top && x <= left + wide && y <= top + tall) return image;
    }
    let best = -1;
    let nearest = 100; // 10 pixels
    for (let i = 0; i < xs.length; i += 1) {
      if (allowed && !allowed[i]) continue;
      const far = (across(xs[i]) - x) ** 2 + (down(ys[i]) - y) ** 2;
      if (far < nearest) [best, nearest] = [i, far];
    }
    return best;
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const size = unit();
    const scale = Math.max(0.5, Math.min(400, view.scale * factor));
    const [px, py] = [(x - canvas.clientWidth / 2) / size, (y - canvas.clientHeight / 2) / size];
    const kept = 1 - view.scale / scale;
    view = { x: view.x + px * kept, y: view.y + py * kept, scale };
    redraw();
  }

  function move(dx, dy) {
    view = { ...view, x: view.x - dx / unit(), y: view.y - dy / unit() };
    redraw();
  }

  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), ...point(event));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, point(event));
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    const [x, y] = point(event);
    if (!before) {
      if (event.pointerType === "mouse") on.hover(at(x, y), x, y);
      return;
    }
    const others = [...fingers].filter(([id]) => id !== event.pointerId);
    if (others.length) {
      const [ox, oy] = others[0][1];
      const apart = Math.hypot(before[0] - ox, before[1] - oy);
      if (apart > 0) zoom(Math.hypot(x - ox, y - oy) / apart, (x + ox) / 2, (y + oy) / 2);
    }
    move((x - before[0]) / fingers.size, (y - before[1]) / fingers.size);
    moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    fingers.set(event.pointerId, [x, y]);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      const still = fingers.size === 1 && moved < 6 && name === "pointerup";
      fingers.delete(event.pointerId);
      const found = still ? at(...point(event)) : -1;
      if (found >= 0) on.open(found);
    });
  }
  canvas.addEventListener("keydown", (event) => {
    const far = 60;
    const does = {
      ArrowLeft: () => move(far, 0), ArrowRight: () => move(-far, 0), ArrowUp: () => move(0, far),
      ArrowDown: () => move(0, -far), "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4),
      0: () => reset(),
    }[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does();
  });
  new ResizeObserver(redraw).observe(canvas);

  function reset() {
    view = { x: 0.5, y: 0.5, scale: 0.9 };
    redraw();
  }

  return {
    /** Take places in 0…1. */
    place(x, y) {
      [xs, ys] = [x, y];
      redraw();
    },
    /** Show only these (Uint8Array, or null for all), coloured by group (or null). */
    narrow(which, group) {
      [allowed, groups] = [which, group];
      redraw();
    },
    /** The images that are in sight. */
    inSight() {
      const found = [];
      for (let i = 0; i < xs.length; i += 1) {
        if (allowed && !allowed[i]) continue;
        const [x, y] = [across(xs[i]), down(ys[i])];
        if (x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight) found.push(i);
      }
      return found;
    },
    zoom, reset, redraw,
  };
}
