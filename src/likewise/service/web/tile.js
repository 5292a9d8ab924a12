// What stands in one place of the grid: the picture, its buttons, and below it how near it is. Knows no server.

import { h, icon, iconButton, nameOf } from "./elements.js";
import { number, text } from "./text.js";
import { meter } from "./strength.js";

const SMALL = 64; // pixels: a picture that is shown larger than it is, as its pixels

/**
 * Contents of a tile.
 *
 * @param box {width, height} in CSS pixels.
 * @param given {link(item), source(item, side), actions: [{name, icon, label, run, pressed?}], onselect, onopen, oncopies, best}
 */
export function tile(item, index, box, given) {
  const name = nameOf(item.key);
  const img = picture(item, box, given.source);
  const link = h("a.picture", { href: given.link(item), title: item.key, "aria-describedby": item.score === undefined ? null : `told-${index}` }, img);
  const select = h("button.mark", { type: "button", role: "checkbox", "aria-checked": "false", "aria-label": text("tile.select", { name }), onclick: (event) => given.onselect(event, index) }, icon("check"));
  const buttons = h(
    "div.over",
    given.actions.map(({ name: which, icon: sign, label, run, pressed }) =>
      iconButton(sign, label, () => run(item), { "data-name": which, "aria-pressed": pressed ? String(pressed(item)) : null }),
    ),
    iconButton("expand", text("tile.open", { name }), () => given.onopen(index), { "data-name": "open" }),
  );
  const copies = item.folded?.length
    ? h("button.copies", { type: "button", onclick: () => given.oncopies(item), "aria-label": text("tile.copies", { name, count: item.folded.length }) }, `+${number(item.folded.length)}`)
    : null;
  const told = item.score === undefined ? null : h("div.told", { id: `told-${index}` }, meter(item, given.best()), h("span.number", number(item.score, 4)));
  return [link, select, buttons, copies, told].filter(Boolean);
}

/** Mark what changes: selected, pressed, weak. */
export function paint(element, item, { selected, actions }) {
  element.classList.toggle("selected", selected);
  element.dataset.strength = item.strength ?? "";
  element.querySelector(".mark").setAttribute("aria-checked", String(selected));
  for (const { name, pressed } of actions) {
    if (pressed) element.querySelector(`[data-name="${name}"]`)?.setAttribute("aria-pressed", String(pressed(item)));
  }
}

/** An <img> that keeps its place, and comes in softly when it is there. */
export function picture(item, box, source, alt = nameOf(item.key)) {
  const img = h("img", { alt, decoding: "async", draggable: "false", width: item.width || null, height: item.height || null });
  if (item.width && Math.max(item.width, item.height) <= SMALL) img.classList.add("small");
  img.addEventListener("load", () => img.classList.add("there"));
  img.addEventListener("error", () => img.classList.add("broken"));
  const address = source(item, Math.max(box.width, box.height));
  if (typeof address === "string") img.src = address;
  else address.then((found) => (img.src = found), () => img.classList.add("broken"));
  return img;
}
