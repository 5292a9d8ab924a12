// The query as a value, and its way into the address and back. Pure.
//
// An address holds the whole query, so that "back", a bookmark and a sent link all work:
//   ?q=key:cats/1.jpg&q=-0.5*text:at night&q=25,0,50,100@upload:0f3a…&label=tiger&k=48
// A part is [weight*][left,top,width,height@]kind:name. Names come last and unescaped, so they may hold any sign.

const KINDS = ["key", "upload", "text", "url", "concept"];
const NUMBER = "-?(?:\\d+\\.?\\d*|\\.\\d+)";
const PART = new RegExp(`^(?:(${NUMBER})\\*)?(?:(${NUMBER}(?:,${NUMBER}){3})@)?(${KINDS.join("|")}):([^]+)$`);
const VIEWS = ["map", "teach", "layers"];
const PICK = "is."; // before the name of a field whose values were picked: is.label=tiger

/** The state of the gallery itself: nothing asked. */
export const START = Object.freeze({
  collection: "",
  view: "",
  terms: [],
  liked: [],
  disliked: [],
  layers: {},
  picked: {},
  from: "",
  to: "",
  where: "",
  k: 0,
  rerank: "",
  significance: 0,
  fold: false,
});

/** A part of a query with everything said: `term("key", "a.jpg", {weight: -1})`. */
export function term(kind, name, { weight = 1, region = null } = {}) {
  return Object.freeze({ kind, name, weight, region });
}

/** One part as the address writes it. */
export function written({ kind, name, weight, region }) {
  const before = weight === 1 ? "" : `${short(weight)}*`;
  const within = region ? `${region.map(short).join(",")}@` : "";
  return `${before}${within}${kind}:${name}`;
}

/** The part that `written` wrote, or null where it is none. */
export function read(text) {
  const match = PART.exec(text);
  if (!match) return null;
  const [, weight, region, kind, name] = match;
  return term(kind, name, {
    weight: weight === undefined ? 1 : Number(weight),
    region: region === undefined ? null : region.split(",").map(Number),
  });
}

/** The state that an address holds (`location.search`); what it does not understand it leaves out. */
export function fromAddress(search) {
  const given = new URLSearchParams(search);
  const picked = {};
  const layers = {};
  for (const [name, value] of given) {
    if (name.startsWith(PICK)) (picked[name.slice(PICK.length)] ??= []).push(value);
    if (name === "layer") {
      const at = value.lastIndexOf(":");
      if (at > 0 && Number.isFinite(Number(value.slice(at + 1)))) layers[value.slice(0, at)] = Number(value.slice(at + 1));
    }
  }
  const view = given.get("view") ?? "";
  return Object.freeze({
    collection: given.get("in") ?? "",
    view: VIEWS.includes(view) ? view : "",
    terms: given.getAll("q").map(read).filter(Boolean),
    liked: given.getAll("liked"),
    disliked: given.getAll("disliked"),
    layers,
    picked,
    from: day(given.get("from")),
    to: day(given.get("to")),
    where: given.get("where") ?? "",
    k: Math.min(1000, Math.max(0, Math.trunc(Number(given.get("k")) || 0))),
    rerank: given.get("rerank") ?? "",
    significance: Math.min(1, Math.max(0, Number(given.get("chance")) || 0)),
    fold: given.get("fold") === "1",
  });
}

/** `?…` for a state; empty for the start. The order is fixed, so equal states have equal addresses. */
export function toAddress(state) {
  const out = new URLSearchParams();
  const add = (name, value) => value && out.append(name, value);
  add("in", state.collection);
  add("view", state.view);
  for (const each of state.terms) out.append("q", written(each));
  for (const key of state.liked) out.append("liked", key);
  for (const key of state.disliked) out.append("disliked", key);
  for (const name of Object.keys(state.layers).sort()) out.append("layer", `${name}:${short(state.layers[name])}`);
  for (const name of Object.keys(state.picked).sort()) for (const value of state.picked[name]) out.append(PICK + name, value);
  add("from", state.from);
  add("to", state.to);
  add("where", state.where);
  add("k", state.k ? String(state.k) : "");
  add("rerank", state.rerank);
  add("chance", state.significance ? String(state.significance) : "");
  add("fold", state.fold ? "1" : "");
  const text = out.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%40", "@");
  return text ? `?${text}` : "";
}

/** A state with some of it changed. */
export function changed(state, change) {
  return Object.freeze({ ...state, ...change });
}

/** Whether anything is looked for, or the gallery itself is shown. */
export function asks(state) {
  return state.terms.length > 0 || state.liked.length > 0;
}

/** Whether two states bring the same pictures: they may differ in the view alone. */
export function sameQuestion(one, other) {
  return toAddress(changed(one, { view: "" })) === toAddress(changed(other, { view: "" }));
}

/** The JSON of `POST /v1/search` for a state; `where` is its whole filter. */
export function searchBody(state, where) {
  const body = { query: state.terms.map(asked) };
  if (state.collection) body.collection = state.collection;
  if (state.liked.length) body.liked = state.liked;
  if (state.disliked.length) body.disliked = state.disliked;
  if (Object.keys(state.layers).length) body.layers = state.layers;
  if (where) body.where = where;
  if (state.k) body.k = state.k;
  if (state.rerank) body.rerank = state.rerank;
  if (state.significance) body.significance = state.significance;
  if (state.fold) body.fold = true;
  return body;
}

/** One part as the API takes it. */
export function asked({ kind, name, weight, region }) {
  const out = { [kind]: name };
  if (weight !== 1) out.weight = weight;
  if (region) out.region = region.map((value) => `${short(value)}%`).join(",");
  return out;
}

function short(value) {
  return String(Math.round(value * 1000) / 1000);
}

function day(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? text : "";
}
