// The layer lab: how much each layer of a mix counts, from texture (early) to meaning (late), and what that does to the neighbours.

import { nameOf } from "./elements.js";

const SHOWN = 8; // hits whose scores are told layer by layer
const WAIT_MS = 60; // between two searches while a slider moves

export function mount(root, context) {
  context.style("layers.css");
  const { h, text } = context;
  const { layers: names, layer_weights: own } = context.collection;
  const places = new Map(); // key → where its tile was, before the answer changed
  let timer = 0;

  const blend = h("input", { type: "range", min: "0", max: "100", step: "1", value: "50", "aria-label": text("layers.blend"), oninput: () => along(Number(blend.value) / 100) });
  const single = names.map((name, i) => {
    const output = h("output");
    const input = h("input", { type: "range", min: "0", max: "100", step: "1", "aria-label": text("layers.weight", { name }), oninput: () => change(single.map((each) => Number(each.input.value) / 100)) });
    return { name, input, output, element: h("li", h("span.name", name), input, output), colour: i };
  });
  const reset = h("button.plain", { type: "button", onclick: () => (clearTimeout(timer), remember(), context.navigate({ layers: {} }, { replace: true })) }, text("layers.reset"));
  const told = h("ol.told", { "aria-label": text("layers.told") });
  root.append(
    h(
      "div.layers",
      h("h2", text("layers.title")),
      h("p.how", text("layers.how")),
      h("div.blend", h("span", text("layers.early")), blend, h("span", text("layers.late"))),
      h("ul.weights", single.map(({ element }) => element)),
      reset,
      told,
    ),
  );

  /** Weights for a place between the first layer (0) and the last (1): the two beside it share. */
  function along(share) {
    const at = share * (names.length - 1);
    change(names.map((_, i) => Math.max(0, 1 - Math.abs(at - i))));
  }

  function change(weights) {
    show(weights);
    clearTimeout(timer);
    if (!weights.some((weight) => weight > 0)) return;
    timer = setTimeout(() => {
      remember();
      const layers = Object.fromEntries(names.map((name, i) => [name, Math.round(weights[i] * 1000) / 1000]).filter(([, weight]) => weight > 0));
      context.navigate({ layers, significance: 0, rerank: "" }, { replace: true });
    }, WAIT_MS);
  }

  function show(weights) {
    single.forEach(({ input, output }, i) => {
      input.value = String(Math.round(weights[i] * 100));
      output.textContent = weights[i].toFixed(2);
    });
  }

  function current() {
    const { layers } = context.state;
    return Object.keys(layers).length ? names.map((name) => layers[name] ?? 0) : own;
  }

  function tiles() {
    return [...document.querySelectorAll("#results [data-index]")].map((tile) => [context.hits()[Number(tile.dataset.index)]?.key, tile]).filter(([key]) => key);
  }

  function remember() {
    places.clear();
    for (const [key, tile] of tiles()) places.set(key, tile.getBoundingClientRect());
  }

  /** Let each tile move from where it was; new ones come in softly. */
  function settle() {
    if (!places.size || matchMedia("(prefers-reduced-motion: reduce)").matches) return places.clear();
    for (const [key, tile] of tiles()) {
      const before = places.get(key);
      const now = tile.getBoundingClientRect();
      const frames = before ? [{ translate: `${before.left - now.left}px ${before.top - now.top}px` }, { translate: "0 0" }] : [{ opacity: 0 }, { opacity: 1 }];
      tile.animate(frames, { duration: 350, easing: "ease-in-out" });
    }
    places.clear();
  }

  function bars() {
    const hits = context.hits().slice(0, SHOWN).filter((hit) => hit.layers);
    told.replaceChildren(
      ...hits.map((hit) =>
        h(
          "li",
          context.picture(hit, 48, ""),
          h(
            "div",
            h("span.name", nameOf(hit.key)),
            names.map((name, i) => {
              const bar = h("span.bar", { "data-layer": String(i), role: "img", "aria-label": text("layers.score", { name, score: hit.layers[name].toFixed(3) }) });
              bar.style.width = `${Math.max(0, hit.layers[name]) * 100}%`;
              return h("div.track", { title: `${name} ${hit.layers[name].toFixed(3)}` }, bar);
            }),
          ),
        ),
      ),
    );
  }

  const offs = [
    context.on("results", () => requestAnimationFrame(() => (bars(), settle()))),
    context.on("state", ({ after } = {}) => !timer && after && show(current())),
  ];
  show(current());
  bars();
  return () => {
    clearTimeout(timer);
    for (const off of offs) off?.();
  };
}
