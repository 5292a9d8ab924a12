// Every text of the page. To translate it, translate this file: keys stay, `{names}` are filled in, and a text that counts
// has one form for each plural of the language (https://cldr.unicode.org/index/cldr-spec/plural-rules).

export const LANGUAGE = "en";

const TEXTS = {
  "skip": "Go to the pictures",
  "brand": "Likewise",
  "brand.home": "Likewise: all pictures",
  "title": "{name} – Likewise",

  "head.words": "Describe a picture",
  "head.picture": "Choose a picture to search with",
  "head.hint": "Drop, paste or choose a picture",
  "head.photo": "Take a photograph",
  "head.filters": "Filters",
  "head.filters.set": { one: "Filters, {count} set", other: "Filters, {count} set" },
  "head.collection": "Collection",
  "head.views": "Views",
  "head.theme": "Light or dark",
  "head.keys": "Keys",
  "head.add": "Add pictures",

  "view.pictures": "Pictures",
  "view.map": "Map",
  "view.teach": "Teach",
  "view.layers": "Layers",
  "view.missing": "This part of the page could not be loaded.",

  "welcome.title": "Find the pictures that look like this one",
  "welcome.how": "Drop a picture anywhere, paste one, or click any of those below.",
  "welcome.choose": "Choose a picture",
  "welcome.photo": "Take a photograph",

  "trail.label": "The way here",
  "trail.start": "All pictures",
  "trail.upload": "Your picture",
  "trail.taught": "What you taught",
  "trail.more": "{name} and {count} more",

  "intake.pick": "Pictures to search with",
  "intake.search": "Search with it",
  "intake.search.hint": "finds what looks like it",
  "intake.example": "Add it to the question",
  "intake.example.hint": "as another example",
  "intake.add": "Add to the collection",
  "intake.add.hint": "keeps it in {name}",
  "intake.sending": { one: "Sending your picture …", other: "Sending {count} pictures …" },
  "intake.none": "That is no picture that can be searched with: JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP.",
  "intake.nourl": "This server fetches nothing from other addresses. Save the picture, and drop the file.",
  "intake.toomany": "One question takes {count} examples; the others were left out.",

  "query.title": "What you are looking for",
  "query.parts": "Examples",
  "query.remove": "Remove {name}",
  "query.gone": "This picture is no longer there. Drop it again, or take it out.",
  "query.weight": "How much {name} counts",
  "query.more": "more like this · {weight}",
  "query.less": "less like this · {weight}",
  "query.add": "Add an example",
  "query.words": "in words",
  "query.addwords": "Add",
  "query.taught": "Taught: {liked} liked, {disliked} not.",
  "query.how": "How to search",
  "query.significance": "Only good matches",
  "query.significance.why": "leaves out what chance explains",
  "query.significance.alone": "for one picture alone",
  "query.fold": "Fold copies",
  "query.fold.why": "near-duplicates under the best of them",
  "query.numbers": "Show numbers",
  "query.numbers.why": "the score of each hit",
  "query.rerank": "Re-rank",
  "query.k": "Hits at once",

  "rerank.none": "as they are",
  "rerank.geometry": "the very same thing (geometry)",
  "rerank.alpha-qe": "lean on the best hits (α query expansion)",
  "rerank.aqe": "lean on the best hits (average)",
  "rerank.k-reciprocal": "friends of friends (k-reciprocal)",
  "rerank.superglobal": "refined by neighbours (SuperGlobal)",
  "rerank.diffusion": "along the neighbourhood (diffusion)",
  "rerank.dba": "smoothed gallery (augmentation)",

  "region.draw": "Draw a box on {name} to search that part",
  "region.role": "box",
  "region.is": "The part that is searched: from {x} percent left, {y} percent top, {width} percent wide, {height} percent high",
  "region.begin": "Search a part",
  "region.whole": "Whole picture",
  "region.keys": "Arrows move the box, with Shift they change its size, Enter searches, Delete takes it away.",

  "results.gallery": { one: "{count} picture", other: "{count} pictures" },
  "results.filtered": { one: "{count} picture passes the filters", other: "{count} pictures pass the filters" },
  "results.like": "Pictures like it",
  "results.weak": "No good match – these come nearest",
  "results.none": "No good match",
  "results.failed": "No answer",
  "results.of": { one: "among {count} picture", other: "among {count} pictures" },
  "results.time": "{ms} ms",
  "results.loading": "Looking …",
  "results.end": "That is all.",
  "results.size": "Size of pictures",
  "results.list": "Pictures",
  "results.chance": "Explained by chance",
  "results.nearest": "What comes nearest",
  "results.chance.why": "An unrelated picture would have matches as good as these.",

  "empty.search": "Nothing looks like it here.",
  "empty.significance": "No picture is nearer than chance would have it. Turn off “Only good matches” to see the nearest.",
  "empty.filter": "No picture passes these filters.",
  "empty.gallery": "This collection has no pictures yet.",

  "tile.select": "Select {name}",
  "tile.open": "View {name}",
  "tile.more": "More like {name}",
  "tile.less": "Less like {name}",
  "tile.copies": { one: "{name}: open {count} copy", other: "{name}: open {count} copies" },

  "hit.strong": "Strong match",
  "hit.fair": "Fair match",
  "hit.weak": "Weak",
  "hit.inliers": { one: "{count} place in common", other: "{count} places in common" },
  "hit.score": "Score {score}",
  "hit.chance": "{odds} by chance",
  "hit.folded": { one: "{count} copy stands under it", other: "{count} copies stand under it" },
  "odds.in": "1 in {count}",
  "odds.percent": "{percent} %",

  "lightbox.label": "Picture",
  "lightbox.tools": "What to do with it",
  "lightbox.close": "Close",
  "lightbox.previous": "Previous picture",
  "lightbox.next": "Next picture",
  "lightbox.place": "{at} of {count}",
  "lightbox.said": "{name}, picture {at} of {count}",
  "lightbox.facts": "About this picture",
  "lightbox.broken": "The original cannot be shown here.",
  "lightbox.compare": "Compare with the question (C)",
  "lightbox.search": "Search from this picture (Enter)",
  "lightbox.select": "Select (X)",
  "lightbox.copy": "Copy its path (Y)",
  "lightbox.copied": "Copied: {key}",
  "lightbox.download": "Download (D)",

  "detail.score": "Score",
  "detail.rank": "Rank",
  "detail.chance": "By chance",
  "detail.inliers": "Places in common",
  "detail.numbers": "Numbers",
  "detail.size": "Size",
  "detail.pixels": "{width} × {height}",
  "detail.file": "File",
  "detail.modified": "Changed",

  "compare.query": "Question",
  "compare.hit": "Hit",
  "compare.working": "Looking for places in common …",
  "compare.found": { one: "{count} place is the same in both.", other: "{count} places are the same in both." },
  "compare.none": "Geometry finds nothing in common: it may be of the same kind, it is not the very same thing.",
  "compare.failed": "The places in common could not be found.",

  "filters.title": "Filters",
  "filters.date": "Changed",
  "filters.from": "from",
  "filters.to": "to",
  "filters.where": "Filter in words of its own",
  "filters.example": "label = 'tiger' and width > 1000",
  "filters.help": "= < > in, between, like, and, or, not; texts in single quotes.",
  "filters.fields": "Fields: {names}.",
  "filters.apply": "Apply",
  "filters.clear": "Clear all filters",
  "filters.more": "{count} more",
  "filters.rest": "and {count} rarer ones",

  "select.count": { one: "{count} selected", other: "{count} selected" },
  "select.all": "Select all shown",
  "select.clear": "Clear the selection",
  "select.search": "Search with these",
  "select.list": "Export",
  "select.text": "List of paths (.txt)",
  "select.csv": "Table (.csv)",
  "select.json": "Data (.json)",
  "select.page": "Page with the pictures (.html)",
  "select.zip": "Originals (.zip)",
  "select.bar": "Selection",

  "export.title": { one: "{count} picture", other: "{count} pictures" },
  "export.page": "Writing the page: {done} of {count}",
  "export.zip": "Packing: {done} of {count}",
  "export.done": { one: "{count} picture packed.", other: "{count} pictures packed." },
  "export.missing": { one: "{count} original could not be read; missing.txt inside says why.", other: "{count} originals could not be read; missing.txt inside says why." },
  "export.toomany": "A ZIP archive holds fewer than {count} pictures: select fewer.",
  "export.toolarge": "These are too large for one archive here: select fewer.",
  "export.most": "The page has the first {count} of them.",

  "adding.working": "Adding pictures: {done} of {count}",
  "adding.added": { one: "{count} picture added.", other: "{count} pictures added." },
  "adding.same": { one: "{count} was there already.", other: "{count} were there already." },
  "adding.left": { one: "{count} was left out: {why}", other: "{count} were left out: {why}" },
  "adding.stopped": "Stopped.",
  "adding.nothing": "The server took none of them.",

  "token.title": "This server asks who you are",
  "token.why": "Give the token that its operator gave you. It is kept until you close this tab.",
  "token.wrong": "The server does not know this token, or no longer. Give another one.",
  "token.label": "Token",
  "token.send": "Go on",
  "token.cancel": "Not now",

  "error.away": "The server does not answer. Is it still running?",
  "error.again": "Try again",
  "error.busy": "The server is busy; trying again in {seconds} s.",
  "error.filter": "The filter is not understood: see above what is wrong with it.",
  "error.expired": "The server keeps query pictures for an hour only, and this one is gone. Drop it again to go on.",
  "error.token": "Without a token this server shows nothing.",
  "error.nothing": "This server has no collections.",

  "notice.close": "Close this notice",
  "notice.stop": "Stop",

  "keys.title": "Keys",
  "keys.move": "go from picture to picture",
  "keys.search": "search from the picture",
  "keys.open": "view it large, and back",
  "keys.select": "select it",
  "keys.more": "more like it, less like it",
  "keys.words": "describe or choose a picture",
  "keys.filters": "filters",
  "keys.paste": "search with a copied picture",
  "keys.compare": "in the large view: compare with the question",
  "keys.copy": "copy its path",
  "keys.download": "download it",
  "keys.close": "close; clear the selection",
  "keys.help": "this list",
  "keys.done": "Done",

  // teach

  // map

  // layers,

  // teach
  "teach.title": "Teach",
  "teach.how": "Mark hits that are right or wrong; the answer changes at once. Keys: L for right, N for wrong.",
  "teach.like": "{name} is right",
  "teach.dislike": "{name} is wrong",
  "teach.liked": { one: "{count} right", other: "{count} right" },
  "teach.disliked": { one: "{count} wrong", other: "{count} wrong" },
  "teach.marked.liked": "{name} marked as right",
  "teach.marked.disliked": "{name} marked as wrong",
  "teach.unmarked": "{name} is no longer marked",
  "teach.take": "Take the mark of {name} back",
  "teach.none": "Nothing is marked yet.",
  "teach.onlybad": "Mark at least one picture as right, or search for something.",
  "teach.clear": "Take all marks back",
  "teach.name": "Name of the concept",
  "teach.name.hint": "Name it",
  "teach.save": "Save",
  "teach.saved": "Saved concepts",
  "teach.kept": "{name} is saved",
  "teach.nothing": "None yet.",
  "teach.of": { one: "{count} mark", other: "{count} marks" },
  "teach.missing": { one: "{count} gone", other: "{count} gone" },
  "teach.edit": "Go on teaching {name}",
  "teach.edit.short": "Go on",
  "teach.forget": "Forget {name}",

  // map
  "map.label": "Map of the collection",
  "map.how": "Drag or arrow keys move, wheel or + and − zoom, 0 shows all, Enter opens the picture in the middle.",
  "map.tools": "Tools",
  "map.tool.move": "Move",
  "map.tool.lasso": "Lasso",
  "map.tool.box": "Box",
  "map.in": "Closer",
  "map.out": "Farther",
  "map.all": "Show all",
  "map.again": "Lay out anew",
  "map.by": "Colour by",
  "map.by.label": "label",
  "map.by.folder": "folder",
  "map.legend": "Names and their colours",
  "map.others": "others",
  "map.card": "A picture of the map",
  "map.search": "Search from it",
  "map.open": "Open",
  "map.close": "Close",
  "map.stop": "Stop",
  "map.building": "Laying out the map: {what}, {share} %",
  "map.failed": "The map could not be made: {why}",
  "map.ready": { one: "Map of {count} picture", other: "Map of {count} pictures" },
  "map.later": { one: "{count} picture came since and lies beside its neighbours", other: "{count} pictures came since and lie beside their neighbours" },
  "map.chosen": { one: "{count} chosen", other: "{count} chosen" },
  "map.filter": "Show only these",
  "map.like": "Find more like these",
  "map.none": "Choose none",
  "map.toomany": "These are too many for a filter: choose fewer, or find more like them.",

  // layers
  "layers.title": "Layers",
  "layers.how": "How much each layer of the network counts: early ones see texture and colour, late ones what it is.",
  "layers.blend": "From texture to meaning",
  "layers.early": "Texture",
  "layers.late": "Meaning",
  "layers.weight": "Weight of {name}",
  "layers.reset": "As the model weighs them",
  "layers.told": "Scores of the best hits, layer by layer",
  "layers.score": "{name}: {score}",
};

const plurals = new Intl.PluralRules(LANGUAGE);
const whole = new Intl.NumberFormat(LANGUAGE);

/** The text of a key with its `{names}` filled in; numbers are written as the language does. Throws where there is no such text. */
export function text(key, values = {}) {
  const found = TEXTS[key];
  if (found === undefined) throw new Error(`no text "${key}" in text.js`);
  const form = typeof found === "string" ? found : (found[plurals.select(values.count)] ?? found.other);
  return form.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? whole.format(values[name]) : String(values[name])));
}

/** All keys, for tests and translators. */
export function keys() {
  return Object.keys(TEXTS);
}

/** A number as the language writes it. */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 4) }).format(value);
}

/** A size of a file in words: "1.2 MB". */
export function bytes(size) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const at = Math.min(units.length - 1, size > 0 ? Math.floor(Math.log10(size) / 3) : 0);
  return new Intl.NumberFormat(LANGUAGE, { style: "unit", unit: units[at], unitDisplay: at ? "short" : "long", maximumFractionDigits: at > 1 ? 1 : 0 }).format(size / 1000 ** at);
}

/** A moment of ISO 8601 in words, in the user's own time. */
export function moment(iso) {
  const when = new Date(iso);
  return Number.isNaN(when.getTime()) ? String(iso) : new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" }).format(when);
}
