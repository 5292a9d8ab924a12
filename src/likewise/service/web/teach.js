// Teach: thumbs on the hits, which search again in place; what was taught can be saved under a name and searched again.

import { isWriting, nameOf } from "./elements.js";

const LIKE = "l";
const DISLIKE = "n";

export function mount(root, context) {
  context.style("teach.css");
  const { h, text, announce } = context;
  const aborting = new AbortController();
  const where = context.collection.name ? { collection: context.collection.name } : {};
  const query = where.collection ? `?${new URLSearchParams(where)}` : "";
  const marks = h("div.marks");
  const saved = h("ul.saved", { "aria-label": text("teach.saved") });
  const name = h("input", { type: "text", name: "concept", maxlength: "64", required: true, autocomplete: "off", placeholder: text("teach.name.hint"), "aria-label": text("teach.name") });
  const save = h("form", { onsubmit: (event) => (event.preventDefault(), keep()) }, name, h("button.primary", { type: "submit" }, text("teach.save")));
  const clear = h("button.plain", { type: "button", onclick: () => context.navigate({ liked: [], disliked: [] }) }, text("teach.clear"));
  root.append(h("div.teach", h("h2", text("teach.title")), h("p.how", text("teach.how")), marks, h("div.row", clear), save, h("h3", text("teach.saved")), saved));

  const has = (side, item) => context.state[side].includes(item.key);
  const without = (list, key) => list.filter((each) => each !== key);

  /** Mark an image, or take the mark back; the address holds the marks, and a change of it searches again. */
  function mark(side, item) {
    const other = side === "liked" ? "disliked" : "liked";
    const before = context.state[side];
    const taken = before.includes(item.key);
    context.navigate({ [side]: taken ? without(before, item.key) : [...before, item.key], [other]: without(context.state[other], item.key), significance: 0, rerank: "" }, { replace: true });
    context.refresh();
    announce(text(taken ? "teach.unmarked" : `teach.marked.${side}`, { name: nameOf(item.key) }));
  }

  const removals = [
    context.tileAction({ name: "like", icon: "up", label: (item) => text("teach.like", { name: nameOf(item.key) }), pressed: (item) => has("liked", item), run: (item) => mark("liked", item) }),
    context.tileAction({ name: "dislike", icon: "down", label: (item) => text("teach.dislike", { name: nameOf(item.key) }), pressed: (item) => has("disliked", item), run: (item) => mark("disliked", item) }),
    context.on("state", () => show()),
  ];

  function onkey(event) {
    const side = { [LIKE]: "liked", [DISLIKE]: "disliked" }[event.key.toLowerCase()];
    if (!side || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const tile = document.activeElement?.closest("[data-index]");
    const item = tile && context.hits()[Number(tile.dataset.index)];
    if (!item) return;
    event.preventDefault();
    mark(side, item);
  }
  document.addEventListener("keydown", onkey, { signal: aborting.signal });

  function show() {
    const { liked, disliked } = context.state;
    const list = (side, keys) =>
      h(
        "section",
        h("h3", text(`teach.${side}`, { count: keys.length })),
        h("ul", keys.map((key) => h("li", h("button.plain", { type: "button", title: key, onclick: () => mark(side, { key }), "aria-label": text("teach.take", { name: nameOf(key) }) }, nameOf(key), " ×")))),
      );
    marks.replaceChildren(...(liked.length ? [list("liked", liked)] : []), ...(disliked.length ? [list("disliked", disliked)] : []));
    if (!liked.length && !disliked.length) marks.append(h("p", text("teach.none")));
    else if (!liked.length && !context.state.terms.length) marks.append(h("p", text("teach.onlybad")));
    clear.disabled = !liked.length && !disliked.length;
    save.hidden = clear.disabled;
  }

  async function keep() {
    const { liked, disliked } = context.state;
    try {
      await context.api.put(`/concepts/${encodeURIComponent(name.value.trim())}${query}`, { liked, disliked }, { signal: aborting.signal });
      context.notify(text("teach.kept", { name: name.value.trim() }), { kind: "good" });
      name.value = "";
      await list();
    } catch (error) {
      if (error.name !== "AbortError") context.fail(error);
    }
  }

  async function forget(concept) {
    try {
      await context.api.delete(`/concepts/${encodeURIComponent(concept)}${query}`, { signal: aborting.signal });
      await list();
    } catch (error) {
      if (error.name !== "AbortError") context.fail(error);
    }
  }

  async function list() {
    const { concepts } = await context.api.get("/concepts", where, { signal: aborting.signal });
    saved.replaceChildren(
      ...concepts.map((each) =>
        h(
          "li",
          h("button.plain.name", { type: "button", onclick: () => context.navigate({ terms: [{ kind: "concept", name: each.name, weight: 1, region: null }], liked: [], disliked: [], significance: 0 }) }, each.name),
          h("span.tally", text("teach.of", { count: each.liked.length + each.disliked.length })),
          ...(each.missing.length ? [h("span.tally", text("teach.missing", { count: each.missing.length }))] : []),
          h("button.plain", { type: "button", "aria-label": text("teach.edit", { name: each.name }), onclick: () => context.navigate({ liked: each.liked, disliked: each.disliked }) }, text("teach.edit.short")),
          h("button.plain", { type: "button", "aria-label": text("teach.forget", { name: each.name }), onclick: () => forget(each.name) }, "×"),
        ),
      ),
    );
    if (!concepts.length) saved.append(h("li", text("teach.nothing")));
  }

  show();
  list().catch((error) => error.name !== "AbortError" && context.fail(error));
  return () => {
    aborting.abort();
    for (const remove of removals) remove?.();
  };
}
