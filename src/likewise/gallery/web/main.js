// The page of a gallery without a server: puts together what the other files do.

import { parsed } from "./columns.js";
import { loaded } from "./files.js";
import { createGrid } from "./grid.js";
import { imagesOf } from "./images.js";
import { createLightbox } from "./lightbox.js";
import { read, written } from "./links.js";
import { searcher } from "./nearest.js";
import { createScatter } from "./scatter.js";

const K = 120; // similar images that are shown
const DETAILS = 500; // images in one file of details
const MANY = ["like", "unlike"];
const CAPTION_PIXELS = 40;
const SHOWN_BY_BROWSERS = /\.(jpg|png|gif|webp|avif)$/;

const one = (selector) => document.querySelector(selector);
const told = JSON.parse(one("#told").textContent);
const number = (value) => value.toLocaleString("en");
const grid = createGrid(one("#grid"), { fill, least: (width) => (width < 600 ? 104 : 148), gap: 6 });
const canvas = one("#map canvas");
const lightbox = createLightbox(one("#lightbox"), { on: { step, close: closed, similar } });

let images = null;
let state = read(location.hash, MANY);
let order = []; // images, as the grid shows them
let ranks = null; // their scores, where they are the answer to a query
let details = new Map(); // number of the file → promise of its content
let search = null; // promise of {searcher, codes}
let scatter = null; // promise of the map
let asked = 0;
let gridState = null; // what the grid shows, as text

function go(change, { replace = false } = {}) {
  const address = written({ ...state, ...change });
  if (address === location.hash || (address === "#" && !location.hash)) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  follow();
}

function facetsAsked() {
  return Object.fromEntries(images.facets.map((facet) => [facet.name, state[`is-${facet.name}`] || ""]));
}

function passing() {
  return images.passing({ text: state.find, from: state.from, to: state.to, facets: facetsAsked() });
}

// ---- the codes, fetched once the page stands

function searching() {
  search ??= loaded(told.files.codes).then((buffer) => {
    const { head, columns } = parsed(buffer);
    const gallery = { codes: columns.codes, steps: columns.steps, biases: columns.biases, width: head.width };
    return { ...searcher(gallery), biases: columns.biases, constant: head.constant, metric: head.metric };
  });
  return search;
}

function terms() {
  const known = (keys, weight) => keys.map((key) => [images.find(key), weight]).filter(([image]) => image >= 0);
  return [...known(state.like, 1), ...known(state.unlike, -1)];
}

/** The score of a hit as the library tells it; null for mixes, whose scores depend on their length. */
function score(engine, asking, rank) {
  if (asking.length > 1 || asking[0][1] < 0) return null;
  const sum = rank + engine.biases[asking[0][0]];
  return engine.metric === "cosine" ? sum + engine.constant : -Math.sqrt(Math.max(0, -2 * sum));
}

// ---- from the address to the page

async function follow() {
  state = read(location.hash, MANY);
  controls();
  const turn = (asked += 1);
  const asking = terms();
  const { open: _open, view: _view, ...kept } = state;
  const now = written(kept);
  const isNew = now !== gridState;
  if (isNew) {
    const allowed = passing();
    if (asking.length) {
      status("Searching …");
      const engine = await searching();
      const found = await engine.search(asking, K, allowed, asking.map(([image]) => image));
      if (turn !== asked) return;
      order = found.places;
      ranks = Array.from(found.ranks, (rank) => score(engine, asking, rank));
    } else {
      order = sorted(allowed);
      ranks = null;
    }
    gridState = now;
    grid.show(order.length, { below: ranks ? CAPTION_PIXELS : 0 });
    asking.length ? status(`${number(order.length)} most similar${allowed ? " of those that pass" : ""}`) : counted();
    if (gridState !== null && scrollY > one("#grid").offsetTop) scrollTo({ top: 0 });
  }
  shownQuery(asking);
  const unknown = [...state.like, ...state.unlike, state.open].find((key) => key && images.find(key) < 0);
  if (unknown) status(`No image here is called ${unknown}.`);
  await plane();
  const open = state.open ? images.find(state.open) : -1;
  if (open >= 0) opened(open);
  else lightbox.close();
}

function sorted(allowed) {
  const found = [];
  for (let i = 0; i < images.count; i += 1) if (!allowed || allowed[i]) found.push(i);
  const time = (i) => images.date(i)?.getTime() ?? -Infinity;
  if (state.sort === "newest") found.sort((a, b) => time(b) - time(a) || a - b);
  if (state.sort === "oldest") found.sort((a, b) => time(a) - time(b) || a - b);
  if (state.sort === "name") found.sort((a, b) => (images.keys[a] < images.keys[b] ? -1 : 1));
  return found;
}

function counted() {
  const all = images.count;
  status(order.length === all ? `${number(all)} images` : `${number(order.length)} of ${number(all)} images`);
  one("#none").hidden = order.length > 0;
}

function status(text) {
  one("#status").textContent = text;
  one("#none").hidden = true;
}

// ---- squares

function fill(li, place) {
  const image = order[place];
  const key = images.keys[image];
  const address = images.thumbnail(image);
  const button = document.createElement("button");
  button.className = "open";
  button.setAttribute("aria-label", ranks ? `${place + 1}: ${key}` : key);
  button.style.backgroundColor = images.colour(image);
  if (address) {
    const picture = new Image();
    picture.decoding = "async";
    picture.alt = "";
    picture.src = address;
    picture.classList.toggle("pixels", Math.max(images.width(image), images.height(image)) <= 64);
    button.append(picture);
  } else {
    button.append("cannot be shown");
  }
  const like = document.createElement("button");
  like.className = "like";
  like.tabIndex = -1;
  like.setAttribute("aria-label", `Similar to ${key}`);
  like.title = "Find similar (S)";
  like.textContent = "≈";
  li.append(button, like);
  if (ranks) {
    const caption = document.createElement("div");
    caption.className = "caption";
    const strong = document.createElement("b");
    strong.textContent = ranks[place] === null ? `${place + 1}` : `${place + 1} · ${ranks[place].toFixed(4)}`;
    const name = document.createElement("span");
    name.textContent = key.split("/").pop();
    caption.append(strong, name);
    li.append(caption);
  }
}

one("#grid").addEventListener("click", (event) => {
  const li = event.target.closest("li");
  if (!li || !images) return;
  event.preventDefault();
  const key = images.keys[order[Number(li.dataset.place)]];
  if (event.target.closest(".like")) go({ like: [key], unlike: [], open: "", view: "" });
  else if (event.target.closest(".open")) go({ open: key });
});

// ---- the query

function shownQuery(asking) {
  one("#query").hidden = !asking.length;
  one("#parts").replaceChildren(
    ...asking.map(([image, weight]) => {
      const item = document.createElement("li");
      const remove = document.createElement("button");
      const picture = new Image();
      const key = images.keys[image];
      picture.src = images.thumbnail(image);
      picture.alt = "";
      remove.append(picture);
      remove.className = weight < 0 ? "away" : "";
      remove.dataset.sign = weight < 0 ? "−" : asking.length > 1 ? "+" : "";
      remove.title = `${weight < 0 ? "less like" : "like"} ${key}: click to take it out`;
      remove.setAttribute("aria-label", `Take ${weight < 0 ? "less like" : "like"} ${key} out of the query`);
      remove.addEventListener("click", () => {
        const without = (keys) => keys.filter((other) => other !== key);
        go({ like: without(state.like), unlike: without(state.unlike) });
      });
      item.append(remove);
      return item;
    }),
  );
  one("#asked").textContent = asking.length === 1 ? images.keys[asking[0][0]] : `${asking.length} images`;
}

// ---- one picture, large

function step(by) {
  const place = order.indexOf(images.find(state.open)) + by;
  if (place < 0 || place >= order.length) return;
  go({ open: images.keys[order[place]] }, { replace: true });
}

function similar() {
  go({ like: [state.open], unlike: [], open: "", view: "" });
}

function closed() {
  const image = state.open ? images.find(state.open) : -1;
  if (state.open) go({ open: "" });
  const place = order.indexOf(image);
  if (place >= 0 && state.view !== "map") grid.focus(place);
}

function opened(image) {
  const key = images.keys[image];
  const original = images.original(image);
  const small = Math.max(images.width(image), images.height(image)) <= 64;
  const place = order.indexOf(image);
  const date = images.date(image);
  const facts = [["size", `${images.width(image)} × ${images.height(image)}`]];
  if (date) facts.push(["date", date.toISOString().slice(0, 10)]);
  for (const facet of images.facets) if (images.value(facet, image)) facts.push([facet.name, images.value(facet, image)]);
  lightbox.show({
    name: key, facts, small, original,
    source: SHOWN_BY_BROWSERS.test(original) ? original : images.thumbnail(image),
    previous: place > 0, next: place >= 0 && place < order.length - 1,
  });
  neighbours(image);
  more(image, new Set(images.facets.map((facet) => facet.name)));
}

async function neighbours(image) {
  const engine = await searching();
  const { places } = await engine.search([[image, 1]], 12, null, [image]);
  if (state.open !== images.keys[image]) return;
  one("#lightbox .near").replaceChildren(
    ...Array.from(places, (other) => {
      const link = document.createElement("a");
      const picture = new Image();
      picture.src = images.thumbnail(other);
      picture.alt = images.keys[other];
      link.href = written({ ...state, open: images.keys[other] });
      link.append(picture);
      return link;
    }),
  );
}

async function more(image, known) {
  const file = Math.floor(image / DETAILS);
  if (!told.files.details[file]) return;
  if (!details.has(file)) {
    details.set(file, loaded(told.files.details[file]).then((bytes) => JSON.parse(new TextDecoder().decode(bytes))));
  }
  const all = (await details.get(file))[image % DETAILS];
  if (state.open !== images.keys[image]) return;
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  lightbox.add(Object.entries(all).filter(([name]) => !known.has(name)).map(([name, value]) => [name, text(value)]));
}

one("#lightbox .add").addEventListener("click", () => {
  go({ like: [...new Set([...state.like, state.open])], unlike: state.unlike.filter((key) => key !== state.open), open: "" });
});
one("#lightbox .away").addEventListener("click", () => {
  go({ unlike: [...new Set([...state.unlike, state.open])], like: state.like.filter((key) => key !== state.open), open: "" });
});

// ---- the map

async function plane() {
  const isMap = state.view === "map";
  one("#map").hidden = !isMap;
  one("#grid").hidden = isMap;
  one("#to-map").setAttribute("aria-pressed", String(isMap));
  document.body.classList.toggle("mapped", isMap);
  if (!isMap) return;
  scatter ??= loaded(told.files.map).then((buffer) => {
    const { columns } = parsed(buffer);
    const made = createScatter(canvas, {
      source: images.thumbnail,
      on: { open: (image) => go({ open: images.keys[image] }), hover: hovered },
    });
    made.place(columns.x, columns.y);
    return made;
  });
  const facet = images.facets[0];
  const made = await scatter;
  let which = passing();
  if (ranks) {
    which = new Uint8Array(images.count);
    for (const image of order) which[image] = 1;
    for (const [image] of terms()) which[image] = 1;
  }
  made.narrow(which, facet ? images.codes(facet) : null);
}

function hovered(image, x, y) {
  const tip = one("#tip");
  tip.hidden = image < 0;
  canvas.style.cursor = image < 0 ? "grab" : "pointer";
  if (image < 0) return;
  tip.textContent = images.keys[image];
  tip.style.left = `${Math.min(x + 14, canvas.clientWidth - 220)}px`;
  tip.style.top = `${y + 14}px`;
}

for (const [name, act] of [["in", (made) => made.zoom(1.5)], ["out", (made) => made.zoom(1 / 1.5)], ["all", (made) => made.reset()]]) {
  one(`#zoom-${name}`).addEventListener("click", async () => act(await scatter));
}

// ---- what is set by hand

function controls() {
  if (document.activeElement !== one("#find")) one("#find").value = state.find || "";
  for (const name of ["from", "to", "sort"]) one(`#${name}`).value = state[name] || "";
  for (const facet of images.facets) one(`#facets select[name="${facet.name}"]`).value = state[`is-${facet.name}`] || "";
  const set = ["sort", "from", "to", ...images.facets.map((facet) => `is-${facet.name}`)].filter((name) => state[name]).length;
  one("#filters summary").textContent = set ? `Filters (${set})` : "Filters";
  one("#clear").hidden = !set && !state.find;
}

function setUp() {
  for (const facet of images.facets) {
    const label = document.createElement("label");
    const select = document.createElement("select");
    const counts = images.counts(facet);
    select.name = facet.name;
    select.append(new Option(`any ${facet.name}`, ""));
    facet.values.forEach((value, i) => select.append(new Option(`${value} (${number(counts[i])})`, value)));
    label.append(`${facet.name} `, select);
    select.addEventListener("change", () => go({ [`is-${facet.name}`]: select.value }));
    one("#facets").append(label);
  }
  for (const name of ["from", "to", "sort"]) {
    one(`#${name}`).addEventListener("change", (event) => go({ [name]: event.target.value }));
  }
  let typing = 0;
  one("#find").addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => go({ find: event.target.value.trim() }, { replace: true }), 150);
  });
  one("#clear").addEventListener("click", () => {
    one("#find").value = "";
    go({ find: "", sort: "", from: "", to: "", ...Object.fromEntries(images.facets.map((facet) => [`is-${facet.name}`, ""])) });
  });
  one("#end").addEventListener("click", () => go({ like: [], unlike: [] }));
  one("#to-map").addEventListener("click", () => go({ view: state.view === "map" ? "" : "map" }));
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || lightbox.isOpen) return;
    if (event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const li = event.target.closest("#grid li");
    const does = {
      "/": () => one("#find").focus(),
      m: () => one("#to-map").click(),
      s: () => li?.querySelector(".like").click(),
      Escape: () => state.like.length + state.unlike.length && one("#end").click(),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
  const header = one("header");
  new ResizeObserver(() => {
    one("#grid").dataset.covered = header.offsetHeight;
  }).observe(header);
}

async function begin() {
  if (Object.keys(state).length > MANY.length || MANY.some((name) => state[name].length)) one("#grid").replaceChildren();
  images = imagesOf(parsed(await loaded(told.files.images)));
  setUp();
  document.body.classList.add("ready");
  await follow();
  performance.mark("ready");
  searching(); // so that the first question need not wait for it
}

begin().catch((error) => {
  status(`This gallery cannot be read: ${error.message}`);
});
