// The bar at the foot of the page while pictures are selected: what can be done with them.

import { h, icon, iconButton } from "./elements.js";
import { asCsv, asJson, asPage, asText, MOST_ON_PAGE, save, saveZip } from "./export.js";
import { notify, progress } from "./notices.js";
import { text } from "./text.js";

/** @param on {search(keys), all()}; `pictures` {thumbnail(item), original(item)} → promises of blobs. */
export function bar(root, selection, on, pictures) {
  const told = h("strong", { role: "status" });
  const menu = h("details.menu",
    h("summary", icon("download"), text("select.list")),
    h("div.list",
      entry("select.text", () => save(asText(selection.items()), "pictures.txt")),
      entry("select.csv", () => save(asCsv(selection.items()), "pictures.csv", "text/csv;charset=utf-8")),
      entry("select.json", () => save(asJson(selection.items()), "pictures.json", "application/json")),
      entry("select.page", () => page(selection.items(), pictures)),
      entry("select.zip", () => zip(selection.items(), pictures))));
  function entry(key, run) {
    return h("button", { type: "button", onclick: () => ((menu.open = false), run()) }, text(key));
  }
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", text("select.bar"));
  root.append(
    told,
    h("button.primary", { type: "button", onclick: () => on.search(selection.keys()) }, icon("search"), text("select.search")),
    menu,
    iconButton("pictures", text("select.all"), on.all),
    iconButton("close", text("select.clear"), () => selection.clear()),
  );
  const show = () => {
    root.hidden = selection.size === 0;
    if (root.hidden) menu.open = false;
    told.textContent = text("select.count", { count: selection.size });
  };
  selection.addEventListener("change", show);
  document.addEventListener("click", (event) => menu.contains(event.target) || (menu.open = false));
  show();
}

async function page(items, { thumbnail }) {
  await worked("export.page", items.length, async (onprogress, signal) => {
    save(await asPage(items, thumbnail, onprogress, signal), "pictures.html", "text/html;charset=utf-8");
    if (items.length > MOST_ON_PAGE) notify(text("export.most", { count: MOST_ON_PAGE }));
  });
}

async function zip(items, { original }) {
  await worked("export.zip", items.length, async (onprogress, signal) => {
    const packed = await saveZip(items, original, "pictures.zip", onprogress, signal);
    notify(packed === items.length ? text("export.done", { count: packed }) : text("export.missing", { count: items.length - packed }), { kind: packed === items.length ? "good" : "bad" });
  });
}

async function worked(key, count, work) {
  const stop = new AbortController();
  const shown = progress(text(key, { done: 0, count }), () => stop.abort());
  try {
    await work((done, all) => (shown.set(done, all), shown.say(text(key, { done, count: all }))), stop.signal);
  } catch (error) {
    if (error.name !== "AbortError") notify(error.message, { kind: "bad" });
  } finally {
    shown.close();
  }
}
