// The way here: the questions before this one, each a step back. Knows no server.

import { h, nameOf } from "./elements.js";
import { asks, fromAddress } from "./state.js";
import { text } from "./text.js";

const MOST_STEPS = 8;

/** The trail after going from one address to another; going to a step that is on it leads back to it. Pure. */
export function extended(trail, from, to) {
  const whole = [...trail, from];
  const at = whole.indexOf(to);
  return (at >= 0 ? whole.slice(0, at) : whole).slice(-MOST_STEPS);
}

/** What a question is called: the name of its picture, its words, "and 2 more". */
export function called(state) {
  if (!asks(state)) return text("trail.start");
  const [first] = state.terms;
  const name = !first ? text("trail.taught") : first.kind === "upload" ? text("trail.upload") : first.kind === "key" ? nameOf(first.name) : first.name;
  const more = state.terms.length - 1;
  return more > 0 ? text("trail.more", { name, count: more }) : name;
}

/**
 * The trail as links.
 *
 * @param source (term) → address of a small picture, a promise of it, or null.
 * @param onstep (address) when a step is chosen.
 */
export function crumbs(trail, now, source, onstep) {
  const step = (address, isHere) => {
    const state = fromAddress(address);
    const first = state.terms[0];
    const address_ = first && source(first);
    const img = address_ ? h("img", { alt: "" }) : null;
    if (img) Promise.resolve(address_).then((found) => (img.src = found), () => img.remove());
    const inside = [img, h("bdi", called(state))];
    return h("li", isHere ? h("span", { "aria-current": "page" }, inside) : h("a", { href: address || "./", onclick: (event) => plain(event) && (event.preventDefault(), onstep(address)) }, inside));
  };
  const steps = trail[0] === "" ? trail : ["", ...trail]; // the gallery is always the first
  return h("ol", steps.map((address) => step(address, false)), step(now, true));
}

/** A click that means this page, not a new tab. */
export function plain(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}
