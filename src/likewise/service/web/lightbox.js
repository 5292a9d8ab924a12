// One picture, large: the original, what is known of it, and the next one. Knows no server; what it shows, its options say.

import { announce, h, icon, iconButton, nameOf } from "./elements.js";
import { bytes, moment, number, text } from "./text.js";
import { numbers, word } from "./strength.js";

export class Lightbox {
  #items = [];
  #index = 0;
  #back = null;

  /**
   * @param thumbnail, original (item) → address, or the promise of one.
   * @param actions (item) → [{name, icon, label, pressed, run, key}], shown as buttons.
   * @param compare (item) → an element that shows query and picture side by side, or null where there is no query picture.
   * @param onmove (index) when another picture is shown; onclose (index) when the view closes.
   * @param more Called when the last picture is reached.
   */
  constructor({ thumbnail, original, actions = () => [], compare = null, onmove = () => {}, onclose = () => {}, more = () => {} }) {
    Object.assign(this, { thumbnail, original, actions, compare, onmove, onclose, more });
    this.stage = h("div.stage");
    this.facts = h("div.facts");
    this.tools = h("div.tools", { role: "toolbar", "aria-label": text("lightbox.tools") });
    this.place = h("p.place");
    this.dialog = h(
      "dialog.lightbox",
      { "aria-label": text("lightbox.label"), onkeydown: (event) => this.#key(event), onclose: () => this.#closed() },
      h("header", this.place, this.tools, iconButton("close", text("lightbox.close"), () => this.dialog.close())),
      h("div.body",
        h("div.view", iconButton("back", text("lightbox.previous"), () => this.move(-1), { class: "round turn before" }), this.stage, iconButton("forward", text("lightbox.next"), () => this.move(1), { class: "round turn after" })),
        h("aside", { "aria-label": text("lightbox.facts") }, this.facts)),
    );
    this.#swipes();
  }

  get isOpen() {
    return this.dialog.open;
  }

  get item() {
    return this.#items[this.#index];
  }

  open(items, index) {
    if (!this.dialog.isConnected) document.body.append(this.dialog);
    this.#items = items;
    this.#index = index;
    this.comparing = false;
    this.#back = document.activeElement;
    if (!this.dialog.open) this.dialog.showModal();
    this.#show();
  }

  /** To the next (1) or the former (-1) picture; stays at the ends. */
  move(step) {
    const to = this.#index + step;
    if (to < 0 || to >= this.#items.length) return;
    this.#index = to;
    this.#show();
    this.onmove(to);
    if (to >= this.#items.length - 3) this.more();
  }

  /** Draw buttons and what is pressed anew. */
  repaint() {
    if (!this.item) return;
    const focused = this.tools.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    const made = this.actions(this.item).map(({ name, icon: sign, label, pressed, run, href, download }) =>
      href
        ? h("a.round", { href, download, "aria-label": label, title: label, "data-name": name }, icon(sign))
        : iconButton(sign, label, () => run(this.item), { "aria-pressed": pressed === undefined ? null : String(pressed), "data-name": name }),
    );
    if (this.compare && this.compare.can(this.item)) {
      made.unshift(iconButton("compare", text("lightbox.compare"), () => this.#compare(), { "aria-pressed": String(this.comparing), "data-name": "compare" }));
    }
    this.tools.replaceChildren(...made);
    if (focused) this.tools.querySelector(`[data-name="${focused}"]`)?.focus();
  }

  #show() {
    const item = this.item;
    this.place.textContent = text("lightbox.place", { at: number(this.#index + 1), count: number(this.#items.length) });
    this.dialog.querySelector(".before").disabled = this.#index === 0;
    this.dialog.querySelector(".after").disabled = this.#index === this.#items.length - 1;
    this.repaint();
    this.stage.replaceChildren(this.comparing && this.compare?.can(item) ? this.compare.element(item) : this.#picture(item));
    this.facts.replaceChildren(...facts(item));
    announce(text("lightbox.said", { name: nameOf(item.key), at: this.#index + 1, count: this.#items.length }));
  }

  /** The thumbnail at once, the original over it as soon as it is there. */
  #picture(item) {
    const frame = h("div.frame");
    const ratio = item.width && item.height ? item.width / item.height : 1;
    frame.style.setProperty("--ratio", ratio);
    if (item.width && item.width <= 64) frame.classList.add("small");
    const low = h("img.low", { alt: "", "aria-hidden": "true" });
    const high = h("img.high", { alt: nameOf(item.key), onload: () => high.classList.add("there"), onerror: () => frame.append(h("p.broken", text("lightbox.broken"))) });
    frame.append(low, high);
    const fill = async (img, address) => (img.src = await address);
    fill(low, this.thumbnail(item)).catch(() => {});
    fill(high, this.original(item)).catch(() => frame.append(h("p.broken", text("lightbox.broken"))));
    return frame;
  }

  #compare() {
    this.comparing = !this.comparing;
    this.#show();
    this.tools.querySelector('[data-name="compare"]')?.focus();
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, k: -1, j: 1 }[event.key];
    if (step) this.move(step);
    else if (event.key === "Home") this.move(-this.#index);
    else if (event.key === " " && event.target.tagName !== "BUTTON" && event.target.tagName !== "A") this.dialog.close();
    else if (event.key === "c" && this.compare?.can(this.item)) this.#compare();
    else {
      const action = this.actions(this.item).find(({ key }) => key === event.key);
      if (!action) return;
      if (action.href) this.tools.querySelector(`[data-name="${action.name}"]`)?.click();
      else action.run(this.item);
    }
    event.preventDefault();
  }

  #closed() {
    this.stage.replaceChildren();
    this.onclose(this.#index);
    if (this.#back?.isConnected && document.activeElement === document.body) this.#back.focus();
  }

  #swipes() {
    let from = null;
    this.stage.addEventListener("pointerdown", (event) => (from = event.pointerType === "touch" ? event : null));
    this.stage.addEventListener("pointerup", (event) => {
      if (!from) return;
      const [across, down] = [event.clientX - from.clientX, event.clientY - from.clientY];
      if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(down)) this.move(across < 0 ? 1 : -1);
      else if (down > 90 && down > 2 * Math.abs(across)) this.dialog.close();
      from = null;
    });
  }
}

/** What is known of a picture, as elements. */
export function facts(item) {
  const rows = [];
  if (item.width) rows.push([text("detail.size"), text("detail.pixels", { width: number(item.width), height: number(item.height) })]);
  if (item.size_bytes >= 0) rows.push([text("detail.file"), bytes(item.size_bytes)]);
  if (item.modified) rows.push([text("detail.modified"), moment(item.modified)]);
  for (const [name, value] of Object.entries(item.metadata ?? {})) rows.push([name, typeof value === "string" ? value : JSON.stringify(value)]);
  const list = (pairs) => h("dl", pairs.map(([name, value]) => h("div", h("dt", name), h("dd", h("bdi", value)))));
  const folder = item.key.includes("/") ? item.key.slice(0, item.key.lastIndexOf("/") + 1) : "";
  const out = [h("h2", h("bdi", nameOf(item.key))), folder && h("p.folder", h("bdi", folder))];
  if (item.score !== undefined) out.push(h("p.told", { "data-strength": item.strength ?? "" }, word(item)), h("details", h("summary", text("detail.numbers")), list(numbers(item))));
  out.push(list(rows));
  if (item.folded?.length) out.push(h("p.soft", text("hit.folded", { count: item.folded.length })));
  return out.filter(Boolean);
}
