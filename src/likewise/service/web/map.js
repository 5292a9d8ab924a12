// The map: the whole gallery in two dimensions, to walk through; pictures where there is room, points where there is none.

import { path } from "./api.js";
import { iconButton, isWriting, nameOf } from "./elements.js";
import { MapData } from "./mapdata.js";
import { drawer } from "./mapdraw.js";
import { Camera, Chunks, Pace } from "./mapview.js";

const NAMED = 11; // names that have a colour of their own; others share one
const COLOURS = ["#8a8a8a", "#3b7dd8", "#e07b39", "#3f9b58", "#c8504f", "#8b6cc4", "#a5744f", "#d678b4", "#b5a32b", "#39a7b5", "#5a5fd0", "#7fae3c"];
const CHOSEN = 15; // code of a point that is chosen
const MARKED = "#ff2d78"; // its colour
const MOST_PICTURES = 500; // points in the window up to which they are pictures
const MOST_FILTER = 9000; // letters of a filter that names keys
const MOST_LIKED = 500;
const STEP = 60; // pixels for an arrow key
const POLL_MS = 700;

export function mount(root, context) {
  const view = new MapView(root, context);
  view.start();
  return () => view.close();
}

class MapView {
  #aborting = new AbortController();
  #frame = 0;
  #settle = 0;
  #moving = false;
  #pointers = new Map();
  #line = null;
  #tool = "move";
  #chosen = [];
  #hovered = -1;
  #off = [];

  constructor(root, context) {
    this.root = root;
    this.context = context;
    context.style("map.css");
    const { h, text } = context;
    this.camera = new Camera();
    this.pace = new Pace();
    this.points = h("canvas.points", { "aria-hidden": "true" });
    this.over = h("canvas.over", { tabindex: "0", role: "application", "aria-label": text("map.label"), "aria-describedby": "map-how" });
    this.tip = h("div.tip", { hidden: true });
    this.card = h("div.card", { hidden: true, role: "dialog", "aria-label": text("map.card") });
    this.status = h("div.status", { role: "status" });
    this.legend = h("ul.legend", { "aria-label": text("map.legend") });
    this.by = h("select", { "aria-label": text("map.by"), onchange: () => this.#colour() }, h("option", { value: "label" }, text("map.by.label")), h("option", { value: "folder" }, text("map.by.folder")));
    this.tools = ["move", "lasso", "box"].map((name) => h("button.plain", { type: "button", "aria-pressed": String(name === "move"), "data-tool": name, onclick: () => this.#take(name) }, text(`map.tool.${name}`)));
    this.actions = h("div.actions", { hidden: true });
    this.stage = h("div.stage", this.points, this.over, this.tip, this.card, this.status);
    this.bar = h(
      "div.tools",
      h("div.group", { role: "group", "aria-label": text("map.tools") }, this.tools),
      iconButton("add", text("map.in"), () => this.#zoom(1.6)),
      iconButton("minus", text("map.out"), () => this.#zoom(1 / 1.6)),
      h("button.plain", { type: "button", onclick: () => this.#home() }, text("map.all")),
      h("label", text("map.by"), " ", this.by),
      h("button.plain", { type: "button", onclick: () => this.#make() }, text("map.again")),
      this.actions,
    );
    root.append(h("div.map", this.bar, this.stage, this.legend, h("p.how", { id: "map-how" }, text("map.how"))));
    this.data = new MapData(context.api, context.collection.name, () => this.#ask(), this.#aborting.signal);
    this.codes = new Uint8Array();
    this.stats = { frames: 0, drawn: 0, pictures: 0, step: 1, drawer: "" };
    root.querySelector(".map").likewiseMap = this; // for those who measure
  }

  async start() {
    this.#listen();
    try {
      let facts = await this.data.facts();
      if (facts.state === "none" && !facts.error) facts = await this.data.make();
      await this.#wait(facts);
    } catch (error) {
      if (error.name !== "AbortError") this.context.fail(error);
    }
  }

  close() {
    this.#aborting.abort();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#settle);
    this.#watcher?.disconnect();
    for (const off of this.#off) off();
    this.drawer?.close();
  }

  #watcher = null;

  async #make() {
    try {
      await this.#wait(await this.data.make());
    } catch (error) {
      if (error.name !== "AbortError") this.context.fail(error);
    }
  }

  /** Show how far the work is, and then the map. */
  async #wait(first) {
    const { text, h } = this.context;
    let facts = first;
    if (facts.count && !this.chunks) await this.#show(facts);
    const stop = h("button.plain", { type: "button", onclick: () => this.data.stop().catch(() => {}) }, text("map.stop"));
    while (facts.state === "building") {
      const { what = "", done = 0, of = 0 } = facts.progress ?? {};
      const told = text("map.building", { what: what || "…", share: of ? Math.round((100 * done) / of) : 0 });
      this.status.replaceChildren(h("p", told), h("progress", { max: String(Math.max(1, of)), value: String(done), "aria-label": told }), stop);
      await pause(POLL_MS, this.#aborting.signal);
      facts = await this.data.facts();
    }
    this.status.replaceChildren(...(facts.error ? [h("p", text("map.failed", { why: facts.error }))] : []));
    if (facts.count) await this.#show(facts);
  }

  async #show(facts) {
    const points = await this.data.load(facts);
    this.chunks = new Chunks(points);
    this.bounds = facts.bounds;
    if (!this.drawer) this.drawer = this.#drawer();
    this.drawer.put(points);
    this.#chosen = [];
    this.#resize();
    this.#home();
    await this.#colour();
    const { text, announce } = this.context;
    announce(text("map.ready", { count: facts.count }));
    if (facts.later) this.status.replaceChildren(this.context.h("p", text("map.later", { count: facts.later })));
  }

  #drawer() {
    let made;
    try {
      made = drawer(this.points);
    } catch {
      const fresh = this.points.cloneNode(); // a canvas that was asked for WebGL gives nothing else
      this.points.replaceWith(fresh);
      this.points = fresh;
      made = drawer(fresh, { gl: false });
    }
    this.stats.drawer = made.name;
    return made;
  }

  async #colour() {
    const { names, codes } = await this.data.colours(this.by.value);
    if (!names.length && this.by.value === "label") {
      this.by.value = "folder";
      return this.#colour();
    }
    this.names = names;
    this.named = codes;
    this.only = 0;
    this.#paint();
    this.#legend();
  }

  /** The code of each point: its name's colour, or that it is chosen. */
  #paint() {
    this.codes = Uint8Array.from(this.named, (code) => (code > NAMED || (this.only && code !== this.only) ? 0 : code));
    for (const i of this.#chosen) this.codes[i] = CHOSEN;
    this.drawer.colour(this.codes);
    this.#ask();
  }

  #legend() {
    const { h, text } = this.context;
    const counts = new Map();
    for (const code of this.named) counts.set(code > NAMED ? 0 : code, (counts.get(code > NAMED ? 0 : code) ?? 0) + 1);
    const entry = (code, name) => {
      const dot = h("span.dot", { "aria-hidden": "true" });
      dot.style.background = COLOURS[code];
      const pressed = { type: "button", "aria-pressed": String(this.only === code && code > 0), disabled: code === 0, onclick: () => ((this.only = this.only === code ? 0 : code), this.#paint(), this.#legend()) };
      return h("li", h("button.plain", pressed, dot, `${name} `, h("span.tally", String(counts.get(code) ?? 0))));
    };
    const shown = this.names.slice(0, NAMED).map((name, i) => entry(i + 1, name));
    this.legend.replaceChildren(...shown, ...(counts.get(0) ? [entry(0, text("map.others"))] : []));
  }

  #listen() {
    const on = (target, names, act, options) => {
      for (const name of names.split(" ")) {
        target.addEventListener(name, act, options);
        this.#off.push(() => target.removeEventListener(name, act, options));
      }
    };
    on(this.over, "wheel", (event) => (event.preventDefault(), this.#zoom(Math.exp(-event.deltaY * 0.0016), ...this.#at(event))), { passive: false });
    on(this.over, "pointerdown", (event) => this.#down(event));
    on(this.over, "pointermove", (event) => this.#move(event));
    on(this.over, "pointerup pointercancel", (event) => this.#up(event));
    on(this.over, "pointerleave", () => this.#hover(-1));
    on(this.over, "keydown", (event) => this.#key(event));
    on(this.stage, "keydown", (event) => event.key === "Escape" && this.#closeCard());
    this.#watcher = new ResizeObserver(() => (this.#resize(), this.#ask()));
    this.#watcher.observe(this.stage);
    this.#off.push(this.context.on("theme", () => this.#ask()) ?? (() => {}));
  }

  #at(event) {
    const box = this.over.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event) {
    this.over.setPointerCapture?.(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
    this.#travelled = 0;
    this.#hover(-1);
    this.#closeCard();
    if (this.#tool !== "move" && this.#pointers.size === 1) this.#line = [this.#at(event)];
  }

  #travelled = 0;

  #move(event) {
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.#hover(this.#near(...at), at);
    const [dx, dy] = [at[0] - before[0], at[1] - before[1]];
    this.#travelled += Math.abs(dx) + Math.abs(dy);
    if (this.#pointers.size === 2) {
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)[1];
      const factor = distance(at, other) / Math.max(1, distance(before, other));
      this.camera.pan(dx / 2, dy / 2);
      this.#zoom(factor, (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
      this.#line = null;
    } else if (this.#line) {
      if (this.#tool === "lasso") this.#line.push(at);
      else this.#line = corners(this.#line[0], at);
      this.#ask();
    } else {
      this.camera.pan(dx, dy);
      this.#moved();
    }
    this.#pointers.set(event.pointerId, at);
  }

  #up(event) {
    const at = this.#at(event);
    this.#pointers.delete(event.pointerId);
    const line = this.#line;
    this.#line = null;
    if (line && this.#travelled > 6) this.#choose(this.chunks?.inside(line.map(([x, y]) => this.camera.world(x, y))) ?? []);
    else if (event.type === "pointerup" && this.#travelled <= 6) this.#open(this.#near(...at), at);
    this.#ask();
  }

  #key(event) {
    if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = [this.camera.width / 2, this.camera.height / 2];
    const run = {
      ArrowLeft: () => (this.camera.pan(STEP, 0), this.#moved()),
      ArrowRight: () => (this.camera.pan(-STEP, 0), this.#moved()),
      ArrowUp: () => (this.camera.pan(0, STEP), this.#moved()),
      ArrowDown: () => (this.camera.pan(0, -STEP), this.#moved()),
      "+": () => this.#zoom(1.4),
      "=": () => this.#zoom(1.4),
      "-": () => this.#zoom(1 / 1.4),
      0: () => this.#home(),
      Enter: () => this.#open(this.#near(...middle, Infinity), middle),
      Escape: () => (this.#card() ? this.#closeCard() : this.#choose([])),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  }

  #near(px, py, reach = 18) {
    if (!this.chunks) return -1;
    const [x, y] = this.camera.world(px, py);
    return this.chunks.nearest(x, y, Math.min(4, Math.max(reach === Infinity ? 4 : reach, this.#tile / 2) / (reach === Infinity ? 1 : this.camera.scale)));
  }

  #zoom(factor, ...at) {
    this.camera.zoom(factor, ...at);
    this.#moved();
  }

  #home() {
    if (this.bounds) this.camera.fit(this.bounds);
    this.#moved();
  }

  #moved() {
    this.#moving = true;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => ((this.#moving = false), this.#ask()), 120);
    this.#ask();
  }

  #take(tool) {
    this.#tool = tool;
    for (const button of this.tools) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    this.over.dataset.tool = tool;
  }

  #choose(points) {
    this.#chosen = points;
    this.#paint();
    const { h, text, announce } = this.context;
    const count = points.length;
    this.actions.hidden = !count;
    const act = (name, run) => h("button.plain", { type: "button", onclick: run }, text(name));
    this.actions.replaceChildren(
      h("span", text("map.chosen", { count })),
      act("map.filter", () => this.#filter()),
      act("map.like", () => this.context.navigate({ terms: [], liked: this.#keys().slice(0, MOST_LIKED), disliked: [], view: "teach" })),
      act("map.none", () => this.#choose([])),
    );
    announce(text("map.chosen", { count }));
  }

  #keys() {
    return this.#chosen.map((i) => this.data.keys[i]);
  }

  #filter() {
    const where = `key in (${this.#keys().map((key) => `'${key.replaceAll("'", "''")}'`).join(", ")})`;
    if (where.length > MOST_FILTER) return this.context.notify(this.context.text("map.toomany"), { kind: "bad" });
    this.context.navigate({ terms: [], liked: [], disliked: [], where, view: "" });
  }

  #hover(point, at = [0, 0]) {
    if (point < 0) {
      this.#hovered = -1;
      this.tip.hidden = true;
      return;
    }
    const { h } = this.context;
    if (point !== this.#hovered) {
      this.#hovered = point;
      const picture = h("canvas", { width: "128", height: "128", "aria-hidden": "true" });
      this.#copy(picture, point);
      this.tip.replaceChildren(picture, h("span", nameOf(this.data.keys[point])), ...(this.named?.[point] ? [h("span.tally", this.names[this.named[point] - 1])] : []));
    }
    this.tip.hidden = false;
    beside(this.tip, at, this.camera);
  }

  #copy(canvas, point) {
    const small = this.data.small(point);
    if (small) canvas.getContext("2d").drawImage(small.image, small.x, small.y, small.side, small.side, 0, 0, canvas.width, canvas.height);
    else setTimeout(() => this.#hovered === point && this.#copy(canvas, point), 150);
  }

  #card() {
    return !this.card.hidden;
  }

  #closeCard() {
    if (this.#card()) this.over.focus({ preventScroll: true });
    this.card.hidden = true;
  }

  async #open(point, at) {
    if (point < 0) return;
    const { h, text } = this.context;
    const key = this.data.keys[point];
    try {
      const item = await this.context.api.get(`/images/${path(key)}`, this.data.where, { signal: this.#aborting.signal });
      const button = (name, run) => h("button.plain", { type: "button", onclick: run }, text(name));
      this.card.replaceChildren(
        this.context.picture(item, 200, nameOf(key)),
        h("p", nameOf(key)),
        h("div.row", button("map.search", () => this.context.navigate({ terms: [{ kind: "key", name: key, weight: 1, region: null }], liked: [], disliked: [], view: "" })), button("map.open", () => this.context.open([item], 0)), button("map.close", () => this.#closeCard())),
      );
      this.card.hidden = false;
      beside(this.card, at, this.camera);
      this.card.querySelector("button").focus({ preventScroll: true });
    } catch (error) {
      if (error.name !== "AbortError") this.context.fail(error);
    }
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return;
    this.ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [this.points, this.over]) [canvas.width, canvas.height] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    const was = this.camera.width > 1;
    this.camera.resize(width, height);
    if (!was) this.#home();
  }

  #ask() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => ((this.#frame = 0), this.#draw()));
  }

  #tile = 0;

  #draw() {
    if (!this.chunks || !this.codes.length) return;
    const { camera, stats } = this;
    const runs = this.chunks.runs(camera.seen(8));
    const seen = runs.reduce((sum, [from, to]) => sum + to - from, 0);
    this.pace.tick(performance.now(), this.#moving);
    const step = this.#moving ? this.pace.step(seen) : 1;
    const size = Math.min(9, Math.max(1.8, Math.sqrt((camera.width * camera.height) / Math.max(1, seen)) / 4));
    stats.drawn = this.drawer.draw(camera, runs, { palette: palette(), size, step, ratio: this.ratio });
    stats.step = step;
    stats.frames += 1;
    this.#pictures();
  }

  /** Small pictures where they have room, and the line that is being drawn. */
  #pictures() {
    const { camera, ratio, stats } = this;
    const context = this.over.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    const found = this.chunks.within(camera.seen(40), MOST_PICTURES);
    stats.pictures = 0;
    this.#tile = 0;
    if (found.length <= MOST_PICTURES) {
      const side = (this.#tile = Math.min(96, Math.max(20, 0.8 * Math.sqrt((camera.width * camera.height) / Math.max(1, found.length)))));
      for (const i of found) {
        const small = this.data.small(i);
        if (!small) continue;
        const [x, y] = camera.screen(this.chunks.points[2 * i], this.chunks.points[2 * i + 1]);
        context.drawImage(small.image, small.x, small.y, small.side, small.side, x - side / 2, y - side / 2, side, side);
        if (this.codes[i]) {
          context.strokeStyle = this.codes[i] === CHOSEN ? MARKED : COLOURS[this.codes[i]];
          context.lineWidth = this.codes[i] === CHOSEN ? 4 : 2;
          context.strokeRect(x - side / 2, y - side / 2, side, side);
        }
        stats.pictures += 1;
      }
    }
    if (!this.#line || this.#line.length < 2) return;
    context.beginPath();
    for (const [x, y] of this.#line) context.lineTo(x, y);
    context.closePath();
    context.strokeStyle = MARKED;
    context.lineWidth = 2;
    context.stroke();
  }
}


let kept = null;

function palette() {
  if (kept) return kept;
  kept = new Float32Array(64);
  COLOURS.forEach((colour, i) => kept.set([...rgb(colour), i ? 0.85 : 0.4], 4 * i));
  kept.set([...rgb(MARKED), 1], 4 * CHOSEN);
  return kept;
}

function rgb(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
}

function corners([ax, ay], [bx, by]) {
  return [[ax, ay], [bx, ay], [bx, by], [ax, by]];
}

function distance([ax, ay], [bx, by]) {
  return Math.hypot(ax - bx, ay - by);
}

/** Put a box beside a place, inside the window. */
function beside(box, [x, y], { width, height }) {
  box.style.left = `${Math.max(4, Math.min(x + 16, width - box.offsetWidth - 4))}px`;
  box.style.top = `${Math.max(4, Math.min(y + 16, height - box.offsetHeight - 4))}px`;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
