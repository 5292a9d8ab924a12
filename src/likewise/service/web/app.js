// Puts the page together: one state, which the address holds, and everything drawn from it.

import { Api, path } from "./api.js";
import { add } from "./adding.js";
import { bar } from "./bar.js";
import { comparison } from "./compare.js";
import { announce, h, icon, isWriting, nameOf } from "./elements.js";
import { Filters, kindsOf } from "./filters.js";
import { Head } from "./head.js";
import { listen, pick } from "./intake.js";
import { Lightbox } from "./lightbox.js";
import { askToken, notify, showKeys } from "./notices.js";
import { QueryPanel } from "./query.js";
import { Results } from "./results.js";
import { save } from "./export.js";
import { Selection } from "./selection.js";
import { Slots } from "./slots.js";
import { asked, asks, changed, fromAddress, sameQuestion, searchBody, term, toAddress } from "./state.js";
import { paint, picture, tile } from "./tile.js";
import { text } from "./text.js";
import { called, crumbs, extended, plain } from "./trail.js";
import { count as filtersSet, expression } from "./where.js";
import { welcome } from "./welcome.js";

const MOST_TERMS = 32; // of one search, as the server takes them
const LESS = -0.5; // weight of "less like this": Rocchio's examples of what is not meant count for less than those of what is
const at = (id) => document.getElementById(id);

class App {
  state = fromAddress(location.search);
  collection = null;
  fields = null;
  selection = new Selection();
  bus = new EventTarget();
  tileActions = new Map();
  numbers = { on: stored("numbers") === "1", set: (on) => (store("numbers", on ? "1" : ""), (this.numbers.on = on), document.body.classList.toggle("numbers", on)) };

  constructor() {
    let busy = () => {};
    this.api = new Api({
      onwait: (seconds) => (busy(), (busy = seconds ? notify(text("error.busy", { seconds: Math.ceil(seconds) }), { stays: true }) : () => {})),
      ontoken: askToken,
    });
    this.head = new Head(at("head"), {
      home: (event) => plain(event) && (event.preventDefault(), this.navigate(changed(fromAddress(""), { collection: this.state.collection }))),
      words: (words) => this.navigate({ terms: [term("text", words)], view: this.#beside() }),
      picture: () => pick((given) => this.ask(given)),
      photo: () => pick((given) => this.ask(given), { capture: true }),
      filters: () => this.#openFilters(at("filters").hidden),
      view: (view) => this.navigate({ view: this.state.view === view ? "" : view }),
      collection: (collection) => this.navigate(changed(fromAddress(""), { collection })),
      theme: () => this.#theme(shownTheme() === "dark" ? "light" : "dark"),
      keys: showKeys,
      add: () => pick(({ files }) => this.addPictures(files)),
    });
    this.filters = new Filters(at("filters"), { onchange: (change) => this.navigate(change) });
    this.query = new QueryPanel(at("query"), {
      source: (part, side) => this.sourceOf(part, side),
      onchange: (change) => this.navigate(change),
      onadd: (given) => (given === "pick" ? pick((found) => this.ask(found, { more: true })) : given.words ? this.#more([term("text", given.words)]) : this.ask(given, { more: true })),
      numbers: this.numbers,
    });
    this.results = new Results(at("results"), {
      pages: {
        gallery: (state, after, limit, signal) => this.api.get("/images", { collection: state.collection, where: this.where(state), limit, after }, { signal }),
        search: (body, signal) => this.api.post("/search", body, { signal }),
      },
      where: (state) => this.where(state),
      grid: (items) => this.#gridOptions(items),
      onloaded: (detail) => (this.emit("results", detail), this.#said(detail)),
      onfailed: (error) => this.#failedSearch(error),
    });
    this.lightbox = new Lightbox({
      thumbnail: (item) => this.api.source(this.api.thumbnail(this.linked(item), 512, 1)),
      original: (item) => this.api.source(this.linked(item).links.original),
      actions: (item) => this.#actions(item),
      compare: { can: (item) => item.score !== undefined && this.#pictured() !== null, element: (item) => this.#comparison(item) },
      onclose: (index) => this.lightbox.item && this.results.items[index]?.key === this.lightbox.item.key && this.results.grid.focus(index),
      more: () => this.results.grid.soon(),
    });
    this.slots = new Slots(this.context());
    bar(at("bar"), this.selection, {
      search: (keys) => this.navigate({ terms: keys.slice(0, MOST_TERMS).map((key) => term("key", key)), liked: [], disliked: [], view: this.#beside() }) ?? this.selection.clear(),
      all: () => this.selection.add(...this.results.items),
    }, {
      thumbnail: (item) => this.api.blob(this.api.thumbnail(this.linked(item), 256, 1)),
      original: (item) => this.api.blob(this.linked(item).links.original),
    });
    this.selection.addEventListener("change", () => (this.refresh(), this.emit("selection")));
    welcome(at("welcome"), { choose: () => pick((given) => this.ask(given)), photo: () => pick((given) => this.ask(given), { capture: true }) });
    this.#sizes();
    this.#listen();
  }

  /** Ask the server what there is, and show what the address says. */
  async start() {
    this.numbers.set(this.numbers.on);
    this.#theme(stored("theme"));
    at("main").querySelector(".failure")?.remove();
    try {
      const { collections } = await this.api.get("/collections");
      if (!collections.length) throw new Error(text("error.nothing"));
      this.collections = collections;
    } catch (error) {
      const said = error.isAway ? text("error.away") : error.status === 401 ? text("error.token") : error.detail || error.message;
      at("main").prepend(h("div.failure", { role: "alert" }, h("p", said), h("button.primary", { type: "button", onclick: () => this.start() }, text("error.again"))));
      return;
    }
    history.replaceState({ trail: [], ...history.state }, "");
    await this.#render(null, this.state, { scroll: history.state.scroll ?? 0 });
  }

  /** Change the state, and with it the address and what is shown. */
  navigate(change, { replace = false } = {}) {
    const before = this.state;
    const after = changed(before, change);
    const address = toAddress(after);
    if (address === toAddress(before)) return;
    const { trail = [] } = history.state ?? {};
    const isStep = subject(before) !== subject(after);
    history.replaceState({ ...history.state, scroll: scrollY }, "");
    const next = { trail: isStep ? extended(trail, toAddress(before), address) : trail, scroll: 0 };
    history[replace ? "replaceState" : "pushState"](next, "", address || location.pathname);
    this.#render(before, after, { scroll: isStep ? 0 : null });
  }

  /** The address that `navigate` would go to. */
  link(change) {
    return toAddress(changed(this.state, change)) || "./";
  }

  /** The whole filter of a state. */
  where(state = this.state) {
    return expression(state, kindsOf(this.fields ?? []));
  }

  /** Search with pictures or addresses that the user gave; `more` adds them to the question. */
  async ask({ files, addresses = [] }, { more = false } = {}) {
    const { can } = this.collection;
    if (!files.length && addresses.length && !can.urls) return notify(text("intake.nourl"), { kind: "bad" });
    if (!files.length && !addresses.length) return notify(text("intake.none"), { kind: "bad" });
    const room = MOST_TERMS - (more ? this.state.terms.length : 0);
    if (files.length + addresses.length > room) notify(text("intake.toomany", { count: MOST_TERMS }));
    document.body.setAttribute("aria-busy", "true");
    const away = files.length > 1 || files[0]?.size > 2e6 ? notify(text("intake.sending", { count: files.length }), { stays: true }) : () => {};
    try {
      const parts = addresses.map((address) => term("url", address));
      for (const file of files.slice(0, room)) parts.push(term("upload", (await this.api.post("/uploads", asBlob(file))).id));
      if (more) this.#more(parts.slice(0, room));
      else this.navigate({ terms: parts.slice(0, room), liked: [], disliked: [], view: this.#beside() });
    } catch (error) {
      this.fail(error);
    } finally {
      away();
      document.body.removeAttribute("aria-busy");
    }
  }

  /** Keep pictures in the collection. */
  async addPictures(files) {
    if (!files.length) return notify(text("intake.none"), { kind: "bad" });
    try {
      const { added, same, left, stopped } = await add(files, { api: this.api, collection: this.collection.name });
      const said = [text("adding.added", { count: added })];
      if (same) said.push(text("adding.same", { count: same }));
      if (left.length) said.push(text("adding.left", { count: left.length, why: left[0].reason }));
      if (stopped) said.push(text("adding.stopped"));
      notify(said.join(" "), { kind: left.length ? "bad" : "good", stays: left.length > 0 });
      if (added) await this.reload();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The gallery has changed: show it as it is now. */
  async reload() {
    this.results.forget();
    this.fields = null;
    await Promise.all([this.#fields(), this.results.show(this.state, { anew: true })]);
  }

  fail(error) {
    if (error.name === "AbortError") return;
    notify(error.isAway ? text("error.away") : error.slug === "no-such-upload" ? text("error.expired") : error.detail || error.message, { kind: "bad" });
  }

  /** An image with its links, also where an answer gave its key alone. */
  linked(item) {
    if (item.links) return item;
    const within = this.state.collection ? `?collection=${encodeURIComponent(this.state.collection)}` : "";
    const image = `/v1/images/${path(item.key)}`;
    return { ...item, links: { image: image + within, thumbnail: `${image}/thumbnail${within}`, original: `${image}/original${within}` } };
  }

  /** What shows a part of a query: an address for `img.src`, a promise of one, or null where it is no picture. */
  sourceOf({ kind, name }, side) {
    if (kind === "key") return this.api.source(this.api.thumbnail(this.linked({ key: name }), side));
    if (kind === "upload") return this.api.source(this.api.thumbnail({ links: { thumbnail: `/v1/uploads/${name}/thumbnail` } }, side));
    return null;
  }

  refresh() {
    this.results.repaint();
    document.body.classList.toggle("selecting", this.selection.size > 0);
    if (this.lightbox.isOpen) this.lightbox.repaint();
  }

  emit(event, detail) {
    this.bus.dispatchEvent(new CustomEvent(event, { detail }));
  }

  /** What modules in the slots may use. */
  context() {
    const app = this;
    return {
      get state() { return app.state; },
      get collection() { return app.collection; },
      api: this.api,
      selection: this.selection,
      navigate: (change, options) => this.navigate(change, options),
      link: (change) => this.link(change),
      searchBody: (state = this.state) => searchBody(state, this.where(state)),
      where: (state = this.state) => this.where(state),
      hits: () => this.results.items,
      answer: () => this.results.answer,
      picture: (item, side, alt) => picture(item, { width: side, height: side }, (each, size) => this.#source(each, size), alt),
      open: (items, index) => this.lightbox.open(items, index),
      tileAction: (action) => {
        this.tileActions.set(action.name, action);
        this.results.grid.resize(this.results.grid.height);
        return () => (this.tileActions.delete(action.name), this.results.grid.resize(this.results.grid.height));
      },
      refresh: () => this.refresh(),
      reload: () => this.reload(),
      style: (name) => document.querySelector(`link[href="web/${name}"]`) ?? document.head.append(h("link", { rel: "stylesheet", href: `web/${name}` })),
      notify, announce, text, h, icon,
      fail: (error) => this.fail(error),
      on: (event, run) => {
        const heard = ({ detail }) => run(detail);
        this.bus.addEventListener(event, heard);
        return () => this.bus.removeEventListener(event, heard);
      },
      emit: (event, detail) => this.emit(event, detail),
    };
  }

  async #render(before, state, { scroll = null } = {}) {
    this.state = state;
    const known = this.collections.find(({ name }) => name === state.collection) ?? this.collections[0];
    const moved = known !== this.collection;
    this.collection = known;
    if (moved) {
      this.fields = null;
      this.selection.clear();
      this.results.forget();
      this.head.collectionsAre(this.collections, known.name);
      this.emit("collection", known);
    }
    if (!this.fields && Object.keys(state.picked).length) await this.#fields(); // their kinds are needed to write the filter
    const isAsking = asks(state);
    document.title = isAsking ? text("title", { name: called(state) }) : text("brand");
    document.body.dataset.view = state.view;
    document.body.classList.toggle("asking", isAsking);
    at("welcome").hidden = isAsking || state.view === "map" || filtersSet(state) > 0;
    at("side").hidden = !isAsking && !["teach", "layers"].includes(state.view);
    at("query").hidden = !isAsking;
    at("results").hidden = state.view === "map";
    this.head.show(state, known, filtersSet(state));
    this.query.show(state, known);
    this.filters.show(state, this.fields ?? []);
    this.#trail(isAsking);
    this.slots.show(state.view);
    this.emit("state", { before, after: state });
    const same = before !== null && !moved && sameQuestion(before, state);
    if (!same) {
      const shown = this.results.show(state);
      if (scroll === 0) scrollTo(0, 0);
      await shown;
    }
    if (scroll) scrollTo(0, scroll);
  }

  #trail(isAsking) {
    const nav = at("trail");
    nav.hidden = !isAsking;
    nav.setAttribute("aria-label", text("trail.label"));
    const { trail = [] } = history.state ?? {};
    if (isAsking) nav.replaceChildren(crumbs(trail, toAddress(this.state), (part) => this.sourceOf(part, 48), (address) => this.navigate(fromAddress(address))));
  }

  #said({ answer }) {
    if (answer.note === undefined) return;
    this.filters.show(this.state);
  }

  #failedSearch(error) {
    if (error.slug === "no-such-upload") return text("error.expired");
    if (error.status === 400 && this.where() && (error.more?.parameter === "where" || /^where\b/.test(error.detail))) {
      this.#openFilters(true).then(() => this.filters.fail(error.detail));
      return text("error.filter");
    }
    return null;
  }

  async #openFilters(open) {
    at("filters").hidden = !open;
    this.head.filters.setAttribute("aria-expanded", String(open));
    if (open) await this.#fields();
  }

  async #fields() {
    if (this.fields) return;
    const { name } = this.collection;
    try {
      const { fields } = await this.api.get("/fields", { collection: this.state.collection, top: 60 });
      if (this.collection.name !== name) return;
      this.fields = fields;
      this.filters.show(this.state, fields);
    } catch (error) {
      this.fail(error);
    }
  }

  #gridOptions(items) {
    const given = {
      link: (item) => this.link(this.#from(item)),
      source: (item, side) => this.#source(item, side),
      onselect: (event, index) => this.selection.toggle(items(), index, { through: event.shiftKey }),
      onopen: (index) => this.lightbox.open(items(), index),
      oncopies: (item) => this.#copies(item),
      best: () => items()[0]?.score,
    };
    return {
      label: text("results.list"),
      height: Number(stored("height")) || 190,
      draw: (item, index, box) => tile(item, index, box, { ...given, actions: this.#tileActions(item) }),
      paint: (element, item) => paint(element, item, { selected: this.selection.has(item.key), actions: this.#tileActions(item) }),
      onkey: (event, item, index) => this.#key(event, items(), index),
    };
  }

  #source(item, side) {
    return this.api.source(this.api.thumbnail(this.linked(item), side));
  }

  #tileActions(item) {
    const more = [...this.tileActions.values()].map((action) => ({ ...action, label: typeof action.label === "function" ? action.label(item) : action.label }));
    if (!asks(this.state)) return more;
    const name = nameOf(item.key);
    return [
      { name: "more", icon: "add", label: text("tile.more", { name }), run: () => this.#more([term("key", item.key)]) },
      { name: "less", icon: "minus", label: text("tile.less", { name }), run: () => this.#more([term("key", item.key, { weight: LESS })]) },
      ...more,
    ];
  }

  /** The change of the state that searches from a picture: filters and switches stay. */
  #from(item) {
    return { terms: [term("key", item.key)], liked: [], disliked: [], view: this.#beside() };
  }

  /** Panels stay open beside new pictures; the map gives way to them. */
  #beside() {
    return this.state.view === "map" ? "" : this.state.view;
  }

  #more(parts) {
    const names = new Set(parts.map(({ kind, name }) => `${kind}:${name}`));
    const others = this.state.terms.filter(({ kind, name }) => !names.has(`${kind}:${name}`));
    this.navigate({ terms: [...others, ...parts].slice(0, MOST_TERMS), significance: 0 });
  }

  /** Go to the pictures like one; where the browser can, its picture moves to where questions stand. */
  #follow(item, img) {
    const go = () => this.navigate(this.#from(item));
    if (!img || !document.startViewTransition || matchMedia("(prefers-reduced-motion: reduce)").matches) return go();
    img.classList.add("moving");
    document.startViewTransition(() => {
      img.classList.remove("moving");
      go();
      this.query.firstPicture?.classList.add("moving");
    }).finished.finally(() => this.query.firstPicture?.classList.remove("moving"));
  }

  #key(event, items, index) {
    const item = items[index];
    const run = {
      " ": () => this.lightbox.open(items, index),
      x: () => this.selection.toggle(items, index, { through: event.shiftKey }),
      "+": () => this.#more([term("key", item.key)]),
      "-": () => this.#more([term("key", item.key, { weight: LESS })]),
      y: () => this.#copy(item),
      d: () => this.#download(item),
    }[event.key.toLowerCase()];
    if (!run || (event.key === " " && event.target.tagName === "BUTTON")) return false;
    run();
    return true;
  }

  #actions(item) {
    return [
      { name: "search", icon: "search", key: "Enter", label: text("lightbox.search"), run: () => (this.lightbox.dialog.close(), this.navigate(this.#from(item))) },
      ...[...this.tileActions.values()].map((action) => ({ ...action, label: typeof action.label === "function" ? action.label(item) : action.label, pressed: action.pressed?.(item) })),
      { name: "select", icon: "check", key: "x", label: text("lightbox.select"), pressed: this.selection.has(item.key), run: () => (this.selection.has(item.key) ? this.selection.delete(item.key) : this.selection.add(item)) },
      { name: "copy", icon: "copy", key: "y", label: text("lightbox.copy"), run: () => this.#copy(item) },
      { name: "download", icon: "download", key: "d", label: text("lightbox.download"), run: () => this.#download(item) },
    ];
  }

  async #copy(item) {
    try {
      await navigator.clipboard.writeText(item.key);
    } catch {
      const field = h("textarea.sr", item.key); // where the address is not https nor of this machine
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    notify(text("lightbox.copied", { key: item.key }), { kind: "good" });
  }

  async #download(item) {
    try {
      save(await this.api.blob(this.linked(item).links.original), nameOf(item.key));
    } catch (error) {
      this.fail(error);
    }
  }

  async #copies(item) {
    try {
      const copies = await Promise.all(item.folded.slice(0, 60).map(async (copy) => (copy.links ? copy : { ...(await this.api.get(`/images/${path(copy.key)}`, { collection: this.state.collection })), ...copy })));
      this.lightbox.open([item, ...copies], 1);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The first part of the question that is a picture. */
  #pictured() {
    return this.state.terms.find(({ kind }) => kind === "key" || kind === "upload") ?? null;
  }

  #comparison(item) {
    const part = this.#pictured();
    const body = { term: asked({ ...part, weight: 1 }), key: item.key, ...(this.state.collection ? { collection: this.state.collection } : {}) };
    const explained = this.collection.can.geometry ? this.api.post("/explain", body) : null;
    return comparison(
      { source: this.sourceOf(part, 1024), alt: text("compare.query"), region: part.region },
      { source: this.#source(item, 1024), alt: nameOf(item.key) },
      explained,
    );
  }

  #sizes() {
    const slider = h("input", { type: "range", min: 90, max: 340, step: 10, value: this.results.grid.height, "aria-label": text("results.size"), title: text("results.size"), oninput: () => (store("height", slider.value), this.results.grid.resize(slider.valueAsNumber)) });
    this.results.head.append(h("div.size", icon("pictures"), slider));
  }

  #theme(theme) {
    store("theme", theme ?? "");
    if (theme) document.documentElement.dataset.theme = theme;
    this.head.themeIs(shownTheme());
    this.emit("theme", shownTheme());
  }

  #listen() {
    history.scrollRestoration = "manual";
    at("filters").setAttribute("aria-label", text("filters.title"));
    for (const each of document.querySelectorAll("[data-text]")) each.textContent = text(each.dataset.text);
    addEventListener("popstate", () => this.collections && this.#render(this.state, fromAddress(location.search), { scroll: history.state?.scroll ?? 0 }));
    addEventListener("pagehide", () => history.replaceState({ ...history.state, scroll: scrollY }, ""));
    addEventListener("online", () => document.querySelector(".failure .primary")?.click());
    at("results").addEventListener("click", (event) => {
      const link = event.target.closest("a.picture");
      if (!link) return;
      const element = link.closest(".tile");
      const { items } = element.closest(".by-chance") ? this.results.chance : this.results.grid;
      const index = Number(element.dataset.index);
      if ((this.selection.size || event.shiftKey) && event.button === 0 && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        this.selection.toggle(items, index, { through: event.shiftKey });
      } else if (plain(event)) {
        event.preventDefault();
        this.#follow(items[index], link.querySelector("img.there"));
      }
    });
    addEventListener("keydown", (event) => this.#pageKey(event));
    listen(() => {
      if (!this.collection) return [];
      const places = [{ label: text("intake.search"), hint: text("intake.search.hint"), take: (given) => this.ask(given) }];
      if (asks(this.state)) places.push({ label: text("intake.example"), hint: text("intake.example.hint"), take: (given) => this.ask(given, { more: true }) });
      if (this.collection.can.write) places.push({ label: text("intake.add"), hint: text("intake.add.hint", { name: this.collection.name }), take: ({ files }) => this.addPictures(files) });
      return places;
    });
  }

  #pageKey(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    const run = {
      "/": () => (this.collection?.can.text ? this.head.words.focus() : pick((given) => this.ask(given))),
      f: () => this.#openFilters(at("filters").hidden),
      "?": showKeys,
      Escape: () => (this.selection.size ? this.selection.clear() : this.#openFilters(false)),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }
}

/** What a question is about: another one is a step of the trail. */
function subject({ collection, terms: [first], liked }) {
  return `${collection} ${first ? `${first.kind}:${first.name}` : liked.length ? "taught" : ""}`;
}

function asBlob(file) {
  return file.type.startsWith("image/") ? file : new Blob([file], { type: "application/octet-stream" });
}

function shownTheme() {
  return document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function stored(name) {
  try {
    return localStorage.getItem(`likewise.${name}`);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function store(name, value) {
  try {
    localStorage.setItem(`likewise.${name}`, value);
  } catch {
    // as above: the choice holds until the page is left
  }
}

new App().start();
