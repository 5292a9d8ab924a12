// Drawing a box on a picture: by mouse, finger or pen, or by keys. Knows no server.

import { announce, h } from "./elements.js";
import { number, text } from "./text.js";

const LEAST = 4; // percent of a side: smaller is a click
const STEP = 2; // percent, of one press of an arrow

/**
 * A picture that a box can be drawn on.
 *
 * @param picture The element; it fills the returned one.
 * @param region [left, top, width, height] in percent, or null for all of it.
 * @param onchange (region or null) when a box is finished.
 */
export function drawable(picture, region, onchange, label) {
  const box = h("div.box", { tabindex: 0, role: "group", "aria-roledescription": text("region.role") });
  const shades = ["above", "below", "before", "behind"].map((name) => h(`div.shade.${name}`));
  const root = h("div.drawable", { "aria-label": label }, picture, shades, box);
  let now = region;
  let from = null;

  const show = () => {
    root.classList.toggle("has-box", now !== null);
    box.hidden = now === null;
    const [x, y, width, height] = now ?? [0, 0, 100, 100];
    place(box, x, y, width, height);
    place(shades[0], 0, 0, 100, y);
    place(shades[1], 0, y + height, 100, 100 - y - height);
    place(shades[2], 0, y, x, height);
    place(shades[3], x + width, y, 100 - x - width, height);
    box.setAttribute("aria-label", text("region.is", Object.fromEntries(["x", "y", "width", "height"].map((name, i) => [name, number(Math.round((now ?? [0, 0, 100, 100])[i]))]))));
  };
  const at = (event) => {
    const { left, top, width, height } = root.getBoundingClientRect();
    return [clamp((100 * (event.clientX - left)) / width), clamp((100 * (event.clientY - top)) / height)];
  };

  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { start: at(event), before: now };
    root.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  root.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    const [left, top] = from.start;
    now = [Math.min(x, left), Math.min(y, top), Math.abs(x - left), Math.abs(y - top)];
    show();
  });
  root.addEventListener("pointerup", () => {
    if (!from) return;
    const { before } = from;
    from = null;
    const isBox = now && now[2] >= LEAST && now[3] >= LEAST;
    if (!isBox) now = before ? null : before; // a click takes the box away
    else now = tidy(now);
    show();
    if (isBox || before) onchange(now);
  });
  root.addEventListener("pointercancel", () => {
    if (from) now = from.before;
    from = null;
    show();
  });

  box.addEventListener("keydown", (event) => {
    const [across, down] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (across || down) {
      const [x, y, width, height] = now;
      now = event.shiftKey
        ? [x, y, Math.min(100 - x, Math.max(LEAST, width + across)), Math.min(100 - y, Math.max(LEAST, height + down))]
        : [Math.min(100 - width, Math.max(0, x + across)), Math.min(100 - height, Math.max(0, y + down)), width, height];
      show();
      announce(box.getAttribute("aria-label"));
    } else if (event.key === "Enter") onchange(tidy(now));
    else if (event.key === "Delete" || event.key === "Backspace") onchange(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  show();
  return {
    element: root,
    /** A box in the middle, to be moved by keys. */
    begin() {
      now ??= [25, 25, 50, 50];
      show();
      box.focus();
      announce(text("region.keys"));
    },
  };
}

function place(element, x, y, width, height) {
  Object.assign(element.style, { left: `${x}%`, top: `${y}%`, width: `${Math.max(0, width)}%`, height: `${Math.max(0, height)}%` });
}

/** Rounded to a tenth of a percent, and never beyond the picture. */
export function tidy([x, y, width, height]) {
  const round = (value) => Math.round(value * 10) / 10;
  const [left, top] = [round(clamp(x)), round(clamp(y))];
  return [left, top, round(Math.min(width, 100 - left)), round(Math.min(height, 100 - top))];
}

function clamp(value) {
  return Math.min(100, Math.max(0, value));
}
