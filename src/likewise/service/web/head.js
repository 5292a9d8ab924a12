// The head of the page: where one is, what one can search with, and the views. Knows no server.

import { h, icon, iconButton } from "./elements.js";
import { text } from "./text.js";

const VIEWS = [["", "pictures"], ["map", "map"], ["teach", "teach"], ["layers", "layers"]];

export class Head {
  /** @param on {home, words(text), picture, photo, filters, view(name), collection(name), theme, keys, add} */
  constructor(root, on) {
    this.on = on;
    this.words = h("input", { type: "search", "aria-label": text("head.words"), placeholder: text("head.words"), autocomplete: "off", enterkeyhint: "search" });
    this.hint = h("button.hint", { type: "button", onclick: on.picture }, text("head.hint"));
    this.form = h("form.ask", { role: "search", onsubmit: (event) => (event.preventDefault(), this.words.value.trim() && on.words(this.words.value.trim())) },
      icon("search"), this.words, this.hint,
      iconButton("picture", text("head.picture"), on.picture),
      iconButton("camera", text("head.photo"), on.photo, { class: "round photo" }));
    this.filters = h("button.round.filters", { type: "button", "aria-expanded": "false", "aria-controls": "filters", title: text("head.filters"), onclick: on.filters }, icon("filter"), (this.count = h("span.count", { hidden: true })));
    this.add = iconButton("upload", text("head.add"), on.add, { hidden: true });
    this.views = h("nav.views", { "aria-label": text("head.views"), hidden: true });
    this.collections = h("select", { "aria-label": text("head.collection"), hidden: true, onchange: () => on.collection(this.collections.value) });
    this.theme = iconButton("dark", text("head.theme"), on.theme);
    root.append(
      h("a.brand", { href: "./", "aria-label": text("brand.home"), onclick: on.home }, h("img", { src: "web/mark.svg", alt: "", width: 28, height: 28 }), h("span", text("brand"))),
      this.collections, this.form, this.views,
      h("div.tools", this.filters, this.add, this.theme, iconButton("help", text("head.keys"), on.keys, { class: "round keys" })),
    );
  }

  /** What can be done with this collection, and where one is. */
  show(state, collection, filtersSet) {
    const can = collection?.can ?? {};
    this.words.hidden = !can.text;
    this.hint.hidden = Boolean(can.text);
    this.add.hidden = !can.write;
    const known = VIEWS.filter(([name]) => name === "" || can[name]);
    this.views.hidden = known.length < 2;
    this.views.replaceChildren(...known.map(([name, what]) =>
      h("button", { type: "button", "aria-pressed": String(state.view === name), onclick: () => this.on.view(name) }, icon(what), h("span", text(`view.${what}`)))));
    this.count.hidden = !filtersSet;
    this.count.textContent = filtersSet;
    this.filters.setAttribute("aria-label", filtersSet ? text("head.filters.set", { count: filtersSet }) : text("head.filters"));
  }

  /** The collections to choose from. */
  collectionsAre(all, name) {
    this.collections.hidden = all.length < 2;
    this.collections.replaceChildren(...all.map((each) => h("option", { value: each.name, selected: each.name === name }, each.name)));
  }

  themeIs(theme) {
    this.theme.replaceChildren(icon(theme === "dark" ? "light" : "dark"));
  }
}
