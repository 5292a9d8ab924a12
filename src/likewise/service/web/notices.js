// What is said in passing, and the two small windows: the token, the keys.

import { announce, h, iconButton } from "./elements.js";
import { text } from "./text.js";

const SHOWN_MS = 6000;

/** A notice that goes by itself, unless it is of something bad or is to be acted on. Returns a function that takes it away. */
export function notify(words, { kind = "info", action = null, stays = kind === "bad" || action !== null } = {}) {
  const shelf = document.getElementById("notices");
  const notice = h("div.notice", { "data-kind": kind, role: kind === "bad" ? "alert" : null }, h("p", words));
  const away = () => notice.remove();
  if (action) notice.append(h("button.plain", { type: "button", onclick: () => (away(), action.run()) }, action.label));
  notice.append(iconButton("close", text("notice.close"), away));
  while (shelf.children.length > 2) shelf.firstElementChild.remove();
  shelf.append(notice);
  if (kind !== "bad") announce(words);
  if (!stays) setTimeout(away, SHOWN_MS);
  return away;
}

/** A notice with a bar: `set(done, all)`, `say(words)`, `close()`. `onstop` makes a button that stops the work. */
export function progress(words, onstop) {
  const told = h("p", words);
  const bar = h("progress", { max: 1, value: 0, "aria-label": words });
  const notice = h("div.notice", { "data-kind": "work" }, told, bar, onstop && h("button.plain", { type: "button", onclick: onstop }, text("notice.stop")));
  document.getElementById("notices").append(notice);
  return {
    set: (done, all) => ((bar.max = all), (bar.value = done)),
    say: (more) => (told.textContent = more),
    close: () => notice.remove(),
  };
}

/** Ask for the token of a guarded server; a promise of it, or of null where the user gives none. */
export function askToken(wasWrong) {
  const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true, "aria-describedby": "token-wrong" });
  const dialog = h(
    "dialog.small",
    { "aria-labelledby": "token-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "token-title" }, text("token.title")),
      h("p", { id: "token-wrong" }, wasWrong ? text("token.wrong") : text("token.why")),
      h("label", { for: "token" }, text("token.label")),
      input,
      h("div.end", h("button.plain", { type: "button", onclick: () => dialog.close("") }, text("token.cancel")), h("button.primary", { value: "given" }, text("token.send")))),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "given" && input.value.trim() ? input.value.trim() : null);
    });
  });
}

const KEYS = [
  ["← ↑ → ↓", "keys.move"],
  ["Enter", "keys.search"],
  ["Space", "keys.open"],
  ["X", "keys.select"],
  ["+ −", "keys.more"],
  ["/", "keys.words"],
  ["F", "keys.filters"],
  ["Ctrl+V", "keys.paste"],
  ["C", "keys.compare"],
  ["Y", "keys.copy"],
  ["D", "keys.download"],
  ["Esc", "keys.close"],
  ["?", "keys.help"],
];

/** The window that tells which keys do what. */
export function showKeys() {
  const dialog = h(
    "dialog.small",
    { "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    h("h2", { id: "keys-title" }, text("keys.title")),
    h("dl.keylist", KEYS.map(([keys, what]) => h("div", h("dt", h("kbd", keys)), h("dd", text(what))))),
    h("div.end", h("button.primary", { type: "button", autofocus: true, onclick: () => dialog.close() }, text("keys.done"))),
  );
  document.body.append(dialog);
  dialog.showModal();
}
