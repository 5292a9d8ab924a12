// Filters by what is known of the pictures: frequent values, dates, and the whole language in a box. Knows no server.

import { h } from "./elements.js";
import { number, text } from "./text.js";
import { toggled } from "./where.js";

const MOST_VALUES = 14; // of one field, before "more"
const FACTS = ["key", "path", "width", "height", "size", "date"]; // asked for in the box: no frequent values of these help

export class Filters {
  #state = null;
  #fields = [];
  #more = new Set();

  /** @param onchange Called with what changes of the state: {picked}, {from, to} or {where}. */
  constructor(root, { onchange }) {
    this.onchange = onchange;
    this.facets = h("div.facets");
    this.from = h("input", { type: "date", id: "from", onchange: () => this.#dated() });
    this.to = h("input", { type: "date", id: "to", onchange: () => this.#dated() });
    this.dates = h("fieldset.dates", h("legend", text("filters.date")), h("label", { for: "from" }, text("filters.from")), this.from, h("label", { for: "to" }, text("filters.to")), this.to);
    this.box = h("input.where", { type: "text", id: "where", spellcheck: "false", autocomplete: "off", placeholder: text("filters.example"), "aria-describedby": "where-error where-help" });
    this.wrong = h("p.wrong", { id: "where-error", role: "alert" });
    this.known = h("span");
    root.append(
      this.facets,
      this.dates,
      h("form.advanced", { onsubmit: (event) => (event.preventDefault(), this.onchange({ where: this.box.value.trim() })) },
        h("label", { for: "where" }, text("filters.where")),
        h("div.line", this.box, h("button.plain", { type: "submit" }, text("filters.apply"))),
        this.wrong,
        h("p.soft", { id: "where-help" }, text("filters.help"), " ", this.known)),
      h("div.end", (this.none = h("button.plain", { type: "button", onclick: () => this.onchange({ picked: {}, from: "", to: "", where: "" }) }, text("filters.clear")))),
    );
  }

  /** @param fields [{name, kinds, least, most, distinct, top: [{value, images}, …]}] as the server tells them. */
  show(state, fields = this.#fields) {
    this.#state = state;
    this.#fields = fields;
    const date = fields.find(({ name }) => name === "date");
    this.dates.hidden = !date?.least && !state.from && !state.to;
    for (const [input, value] of [[this.from, state.from], [this.to, state.to]]) {
      input.value = value;
      input.min = String(date?.least ?? "").slice(0, 10);
      input.max = String(date?.most ?? "").slice(0, 10);
    }
    if (document.activeElement !== this.box || state.where) this.box.value = state.where;
    this.wrong.textContent = "";
    this.box.removeAttribute("aria-invalid");
    this.known.textContent = fields.length ? text("filters.fields", { names: fields.map(({ name }) => name).join(", ") }) : "";
    this.none.hidden = !(Object.keys(state.picked).length || state.from || state.to || state.where);
    this.facets.replaceChildren(...facets(fields, state.picked).map((field) => this.#facet(field)));
  }

  /** Show the server's words under the box. */
  fail(words) {
    this.wrong.textContent = words;
    this.box.setAttribute("aria-invalid", "true");
  }

  #facet({ name, values, distinct }) {
    const picked = this.#state.picked[name] ?? [];
    const shown = this.#more.has(name) ? values : values.slice(0, MOST_VALUES);
    const chips = shown.map(([value, count]) => {
      const isOn = picked.includes(value);
      return h("button.chip", { type: "button", "aria-pressed": String(isOn), onclick: () => this.onchange({ picked: toggled(this.#state.picked, name, value) }) }, h("bdi", value), count === null ? null : h("small", number(count)));
    });
    const more = values.length > shown.length && h("button.chip.more", { type: "button", onclick: () => (this.#more.add(name), this.show(this.#state)) }, text("filters.more", { count: values.length - shown.length }));
    const rest = !more && distinct > values.length ? h("span.soft", text("filters.rest", { count: distinct - values.length })) : null;
    return h("fieldset.facet", h("legend", name), h("div.chips", chips, more, rest));
  }

  #dated() {
    this.onchange({ from: this.from.value, to: this.to.value });
  }
}

/** Fields that have something to pick, `label` and `folder` first: [{name, values: [[text, count | null], …], distinct}]. Pure. */
export function facets(fields, picked) {
  const out = [];
  for (const { name, top = [], distinct } of fields) {
    if (FACTS.includes(name) || !(top.length || picked[name])) continue;
    const values = top.map(({ value, images }) => [String(value), images]);
    const others = (picked[name] ?? []).filter((value) => !values.some(([known]) => known === value));
    out.push({ name, values: [...others.map((value) => [value, null]), ...values], distinct: distinct ?? 0 });
  }
  for (const name of Object.keys(picked)) if (!out.some((field) => field.name === name)) out.push({ name, values: picked[name].map((value) => [value, null]), distinct: 0 });
  const first = ["label", "folder"];
  const order = ({ name }) => (first.includes(name) ? first.indexOf(name) : first.length);
  return out.sort((a, b) => order(a) - order(b));
}

/** Field → "text", "number" or "truth", by the kind that most of its values have. Pure. */
export function kindsOf(fields) {
  return Object.fromEntries(fields.map(({ name, kinds = {} }) => [name, Object.entries(kinds).sort((a, b) => b[1] - a[1])[0]?.[0] ?? "text"]));
}
