// The pictures of a question, page after page, with what is said above them; and of the gallery itself, where nothing is asked.

import { announce, h } from "./elements.js";
import { Grid } from "./grid.js";
import { number, text } from "./text.js";
import { asks, searchBody, toAddress } from "./state.js";

const PAGE = 120; // pictures of the gallery at once
const MOST_KEPT = 20; // questions whose answers are kept, so that going back shows them at once
const BELOW = 30; // pixels under a hit, for how near it is
const SLOW_MS = 150; // an answer within it comes without a sign of waiting

export class Results {
  #stop = new AbortController();
  #kept = new Map(); // address → {items, answer, next, more}
  #now = null;
  #state = null;

  /**
   * @param pages {gallery(state, after, limit, signal), search(body, signal)}: promises of answers.
   * @param where (state) → the whole filter.
   * @param grid (items) → options of `Grid` but for `onend`; `items()` are those that it shows.
   * @param onloaded ({items, answer}) when there is more to show; onfailed (error) → true where it is shown elsewhere.
   */
  constructor(root, { pages, where, grid, onloaded, onfailed }) {
    Object.assign(this, { pages, where, onloaded, onfailed });
    this.title = h("h2", { id: "results-title", tabindex: -1 });
    this.said = h("p.soft");
    this.head = h("div.results-head", h("div", this.title, this.said));
    this.body = h("div.results-body");
    this.foot = h("div.results-foot");
    this.second = h("section.by-chance", { hidden: true });
    root.append(this.head, this.body, this.foot, this.second);
    this.options = grid;
    this.grid = new Grid(this.body, { ...grid(() => this.items), onend: () => this.#more() });
  }

  get items() {
    return this.grid.items;
  }

  get answer() {
    return this.#now?.answer ?? null;
  }

  /** Show a question's pictures. `anew` does not use what was kept. Resolves when they are there, or have failed. */
  async show(state, { anew = false } = {}) {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#state = state;
    const address = toAddress({ ...state, view: "" });
    const kept = anew ? undefined : this.#kept.get(address);
    if (kept) return this.#present(kept);
    const slow = setTimeout(() => this.#waiting(), SLOW_MS);
    document.body.setAttribute("aria-busy", "true");
    try {
      const page = await this.#page(state, null, signal);
      if (signal.aborted) return;
      this.#keep(address, page);
      this.#present(page);
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    } finally {
      clearTimeout(slow);
      if (this.#stop.signal === signal) document.body.removeAttribute("aria-busy");
    }
  }

  /** Mark visible pictures anew. */
  repaint() {
    this.grid.repaint();
    this.chance?.repaint();
  }

  /** Forget the answers that were kept: the gallery has changed. */
  forget() {
    this.#kept.clear();
  }

  async #page(state, former, signal) {
    if (!asks(state)) {
      const answer = await this.pages.gallery(state, former?.next, PAGE, signal);
      return { items: answer.images, answer: { total: answer.total }, next: answer.next, more: answer.next !== null };
    }
    const offset = former ? former.next : 0;
    const answer = await this.pages.search({ ...searchBody(state, this.where(state)), ...(offset ? { offset } : {}) }, signal);
    return { items: answer.hits, answer: former ? former.answer : answer, next: offset + answer.k, more: answer.more && answer.hits.length > 0 };
  }

  async #more() {
    const now = this.#now;
    if (!now?.more || now.loading) return;
    now.loading = true;
    const { signal } = this.#stop;
    this.foot.replaceChildren(h("p.soft", text("results.loading")));
    try {
      const page = await this.#page(this.#state, now, signal);
      if (signal.aborted) return;
      const known = new Set(now.items.map(({ key }) => key));
      const fresh = page.items.filter(({ key }) => !known.has(key)); // the gallery may have moved between two pages
      now.items.push(...fresh);
      Object.assign(now, { next: page.next, more: page.more });
      this.foot.replaceChildren();
      this.grid.append(fresh);
      this.#ended();
      this.onloaded({ items: this.items, answer: now.answer });
    } catch (error) {
      if (signal.aborted) return;
      this.foot.replaceChildren(this.#retry(error, () => this.#more()));
    } finally {
      now.loading = false;
    }
  }

  #present(page) {
    this.#now = page;
    this.body.classList.remove("waiting");
    this.body.querySelector(".empty")?.remove();
    this.foot.replaceChildren();
    this.#noChance();
    this.grid.below = asks(this.#state) ? BELOW : 0;
    this.grid.show(page.items.slice());
    this.#headline(page);
    if (!page.items.length) this.body.append(this.#empty(page));
    this.#ended();
    if (page.answer.by_chance?.length) this.#byChance(page);
    this.onloaded({ items: this.items, answer: page.answer });
  }

  #headline({ items, answer }) {
    const state = this.#state;
    if (!asks(state)) {
      this.title.textContent = text(this.where(state) ? "results.filtered" : "results.gallery", { count: answer.total });
      this.said.textContent = "";
    } else {
      const allWeak = items.length > 0 && items.every(({ strength, inliers }) => strength === "weak" && !inliers);
      this.title.textContent = !items.length ? text("results.none") : allWeak ? text("results.weak") : text("results.like");
      const note = answer.note && !answer.by_chance?.length ? [answer.note] : [];
      this.said.textContent = [text("results.of", { count: answer.total }), ...note, text("results.time", { ms: number(Math.round(answer.timing_ms?.total ?? 0)) })].join(" · ");
      this.said.title = answer.model;
    }
    announce(`${this.title.textContent}. ${this.said.textContent}`);
  }

  #byChance({ items, answer }) {
    const hits = answer.by_chance.map((hit) => ({ width: 1, height: 1, size_bytes: -1, metadata: {}, folded: [], inliers: null, ...hit, strength: "weak" }));
    const body = h("div");
    this.second.append(h("h3", text(items.length ? "results.chance" : "results.nearest")), h("p.soft", text("results.chance.why")), body);
    this.second.hidden = false;
    this.chance = new Grid(body, { ...this.options(() => hits), label: text("results.chance"), height: this.grid.height * 0.75, below: BELOW });
    this.chance.show(hits);
  }

  #noChance() {
    this.chance?.close();
    this.chance = null;
    this.second.hidden = true;
    this.second.replaceChildren();
  }

  #empty() {
    const state = this.#state;
    if (asks(state)) return h("div.empty", h("p", text(state.significance ? "empty.significance" : "empty.search")));
    return h("div.empty", h("p", text(this.where(state) ? "empty.filter" : "empty.gallery")));
  }

  #ended() {
    const { more, items } = this.#now;
    if (!more && items.length > 40) this.foot.replaceChildren(h("p.soft", text("results.end")));
  }

  #waiting() {
    this.body.classList.add("waiting");
    if (!this.items.length && !this.body.querySelector(".empty")) this.foot.replaceChildren(h("p.soft", text("results.loading")));
  }

  #failed(error) {
    this.body.classList.remove("waiting");
    this.#now = null;
    this.grid.show([]);
    this.body.querySelector(".empty")?.remove();
    this.#noChance();
    this.title.textContent = text("results.failed");
    this.said.textContent = "";
    this.foot.replaceChildren();
    const shown = this.onfailed(error);
    this.body.append(h("div.empty", shown ? h("p", shown) : this.#retry(error, () => this.show(this.#state, { anew: true }))));
  }

  #retry(error, again) {
    return h("div.failure", { role: "alert" }, h("p", error.isAway ? text("error.away") : error.detail || error.message), h("button.primary", { type: "button", onclick: again }, text("error.again")));
  }

  #keep(address, page) {
    this.#kept.delete(address);
    this.#kept.set(address, page);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value);
  }
}
