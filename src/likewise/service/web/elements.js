// Elements of the page, made by hand: no framework, no markup as text.

const ICONS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10.2a3.3 3.3 0 100 6.6 3.3 3.3 0 000-6.6z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  compare: "M4 5h7v14H4zM13 5h7v14h-7zM7 9l10 6M7 15l10-6",
  copy: "M8 8h11v12H8zM5 16V4h11",
  crop: "M7 2v15h15M2 7h15v15",
  dark: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
  down: "M7 4v11h3.5l-.6 4.2a1.6 1.6 0 003 1L16.5 14H20V4zM4 4v11",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  expand: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  filter: "M4 6h16M7 12h10M10 18h4",
  forward: "M9 5l7 7-7 7",
  help: "M9.2 9a2.9 2.9 0 115 2c-1.3 1.2-2.2 1.6-2.2 3.2M12 18v.1",
  key: "M14.5 4a5.5 5.5 0 11-4.3 8.9L9 14H7v2H5v2H3v-3l6.2-6.2A5.5 5.5 0 0114.5 4zM16 8v.1",
  layers: "M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  light: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3L19 19M19 5l-1.7 1.7M6.7 17.3L5 19",
  map: "M4 6l5.5-2 5 2L20 4v14l-5.5 2-5-2L4 20zM9.5 4v14M14.5 6v14",
  minus: "M5 12h14",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 8.8v.1",
  pictures: "M4 4h7v9H4zM13 4h7v5h-7zM4 15h7v5H4zM13 11h7v9h-7z",
  search: "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.3 15.3L20.5 20.5",
  teach: "M12 4l9 4.5-9 4.5-9-4.5zM7 11v5c2.5 2.5 7.5 2.5 10 0v-5M21 8.5V15",
  tune: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  up: "M7 20V9h3.5l-.6-4.2a1.6 1.6 0 013-1L16.5 10H20v10zM4 20V9",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  warning: "M12 4l9.5 16h-19zM12 10v4.5M12 17.3v.1",
};

/**
 * An element: `h("button.primary", {type: "button", onclick}, "Search")`.
 *
 * The first argument is a tag with classes. Properties that begin with "on" are listeners; null, undefined and false leave an attribute out.
 * Children are nodes, texts, lists of them, or nothing.
 */
export function h(selector, given = {}, ...children) {
  const plain = given !== null && typeof given === "object" && !Array.isArray(given) && !(given instanceof Node);
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(plain ? given : {})) set(element, name, value);
  element.append(...(plain ? children : [given, ...children]).flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An element of SVG; as `h`. */
export function svg(tag, given = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) set(element, name, value);
  element.append(...children);
  return element;
}

/** One of the signs above, for the eye alone: the button around it has words. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] ?? ICONS.warning }));
}

/** A round button that shows a sign and is called by words. */
export function iconButton(name, label, onclick, given = {}) {
  return h("button.round", { type: "button", "aria-label": label, title: label, onclick, ...given }, icon(name));
}

/** Say something to screen readers, without interrupting. */
export function announce(words) {
  const live = document.getElementById("live");
  if (live) live.textContent = live.textContent === words ? `${words}\u00a0` : words; // an equal text would not be spoken again
}

/** Whether a key press belongs to a field that is being written in. */
export function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && target.type !== "checkbox";
}

/** The last name of a key: `2019/cat.jpg` → `cat.jpg`. */
export function nameOf(key) {
  return key.replace(/\/+$/, "").split("/").at(-1) || key;
}

function set(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
}
