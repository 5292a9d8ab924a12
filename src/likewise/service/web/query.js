// What is asked, beside the answers: each part with its picture, its weight and its region, and how the search is done. Knows no server.

import { h, icon, iconButton, nameOf } from "./elements.js";
import { drawable } from "./region.js";
import { text } from "./text.js";

const RERANKERS = ["geometry", "alpha-qe", "aqe", "k-reciprocal", "superglobal", "diffusion", "dba"]; // docs/reranking.md
const SIGNIFICANT = 0.001;

export class QueryPanel {
  /**
   * @param source (term, side) → address of its picture, or a promise of it.
   * @param onchange (change of the state)
   * @param onadd ({files, addresses} or "pick") → another example.
   */
  constructor(root, { source, onchange, onadd, numbers }) {
    Object.assign(this, { source, onchange, onadd, numbers });
    this.parts = h("ol.parts", { role: "list", "aria-label": text("query.parts") });
    this.taught = h("p.soft");
    this.add = h("div.add");
    this.options = h("div.options");
    root.append(h("h2.sr", text("query.title")), this.parts, this.taught, this.add, h("details.how", { open: innerWidth > 800 }, h("summary", icon("tune"), text("query.how")), this.options));
  }

  show(state, collection) {
    this.state = state;
    this.collection = collection;
    this.parts.replaceChildren(...state.terms.map((term, at) => this.#part(term, at)));
    const { liked, disliked } = state;
    this.taught.textContent = liked.length + disliked.length ? text("query.taught", { liked: liked.length, disliked: disliked.length }) : "";
    this.add.replaceChildren(...this.#adding());
    this.options.replaceChildren(...this.#options());
  }

  /** The image element of the first part, for a picture that moves there. */
  get firstPicture() {
    return this.parts.querySelector("img");
  }

  #part(term, at) {
    const name = term.kind === "upload" ? text("trail.upload") : term.kind === "key" ? nameOf(term.name) : term.name;
    const change = (more) => this.onchange({ terms: this.state.terms.map((each, i) => (i === at ? Object.freeze({ ...each, ...more }) : each)) });
    const remove = iconButton("close", text("query.remove", { name }), () => this.onchange({ terms: this.state.terms.filter((_, i) => i !== at) }));
    const root = h("li.part", { "data-away": String(term.weight < 0), "data-kind": term.kind });
    if (term.kind === "text" || term.kind === "concept") root.append(h("div.words", h("q", term.name), remove));
    else {
      const img = h("img", { alt: name, draggable: "false", onload: () => shown.style.setProperty("--ratio", img.naturalWidth / img.naturalHeight), onerror: () => root.classList.add("gone") });
      Promise.resolve(this.source(term, 320)).then((address) => (img.src = address), () => root.classList.add("gone"));
      const box = drawable(img, term.region, (region) => change({ region }), text("region.draw", { name }));
      const crop = term.region
        ? h("button.plain", { type: "button", onclick: () => change({ region: null }) }, text("region.whole"))
        : h("button.plain", { type: "button", onclick: () => box.begin() }, icon("crop"), text("region.begin"));
      const shown = h("div.shown", box.element, remove);
      root.append(shown, h("p.gone", text("query.gone")), h("div.line", h("bdi.name", { title: term.name }, name), crop));
    }
    if (this.state.terms.length > 1 || term.weight !== 1) root.append(this.#weight(term, name, change));
    return root;
  }

  #weight(term, name, change) {
    const told = h("output", weight(term.weight));
    const slider = h("input", {
      type: "range", min: -1, max: 1, step: 0.1, value: term.weight, "aria-label": text("query.weight", { name }), "aria-valuetext": weight(term.weight),
      oninput: () => {
        told.textContent = weight(slider.valueAsNumber);
        slider.setAttribute("aria-valuetext", weight(slider.valueAsNumber));
      },
      onchange: () => change({ weight: Math.abs(slider.valueAsNumber) < 0.05 ? 0.1 : slider.valueAsNumber }), // a part of weight 0 is none
    });
    return h("div.weight", slider, told);
  }

  #adding() {
    const out = [h("button.plain", { type: "button", onclick: () => this.onadd("pick") }, icon("add"), text("query.add"))];
    if (this.collection?.can.text) {
      const words = h("input", { type: "text", placeholder: text("query.words"), "aria-label": text("query.words"), autocomplete: "off" });
      out.push(h("form.line", { onsubmit: (event) => (event.preventDefault(), words.value.trim() && this.onadd({ words: words.value.trim() })) }, words, h("button.plain", { type: "submit" }, text("query.addwords"))));
    }
    return out;
  }

  #options() {
    const { state, collection } = this;
    const alone = state.terms.length === 1 && state.terms[0].kind !== "text" && !state.liked.length;
    const out = [];
    if (collection?.can.significance) {
      out.push(toggle(text("query.significance"), text(alone ? "query.significance.why" : "query.significance.alone"), state.significance > 0, (on) => this.onchange({ significance: on ? SIGNIFICANT : 0 }), !alone && !state.significance));
    }
    out.push(toggle(text("query.fold"), text("query.fold.why"), state.fold, (fold) => this.onchange({ fold })));
    out.push(toggle(text("query.numbers"), text("query.numbers.why"), this.numbers.on, (on) => this.numbers.set(on)));
    const known = RERANKERS.filter((name) => name !== "geometry" || collection?.can.geometry);
    if (state.rerank && !known.includes(state.rerank)) known.push(state.rerank);
    const select = h("select", { id: "rerank", onchange: () => this.onchange({ rerank: select.value }) },
      h("option", { value: "" }, text("rerank.none")),
      known.map((name) => h("option", { value: name, selected: name === state.rerank }, RERANKERS.includes(name) ? text(`rerank.${name}`) : name)));
    out.push(h("div.option", h("label", { for: "rerank" }, text("query.rerank")), select));
    const k = state.k || collection?.default_k || 24;
    const told = h("output", { for: "k" }, String(k));
    const slider = h("input", { type: "range", id: "k", min: 12, max: 204, step: 12, value: k, oninput: () => (told.textContent = slider.value), onchange: () => this.onchange({ k: slider.valueAsNumber }) });
    out.push(h("div.option", h("label", { for: "k" }, text("query.k"), " ", told), slider));
    return out;
  }
}

/** A switch with a name and a reason. */
export function toggle(label, why, on, onchange, disabled = false) {
  const input = h("input.switch", { type: "checkbox", role: "switch", checked: on, disabled, onchange: () => onchange(input.checked) });
  return h("label.option.toggled", h("span", label, h("small", why)), input);
}

function weight(value) {
  const sign = Math.abs(value) < 0.05 ? 0.1 : value;
  return text(sign < 0 ? "query.less" : "query.more", { weight: Math.abs(Math.round(sign * 10) / 10) });
}
