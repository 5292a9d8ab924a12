// Where query pictures come from: dropped, pasted, picked, photographed. Knows no server.

import { h, isWriting } from "./elements.js";
import { text } from "./text.js";

/**
 * Listens to the whole page.
 *
 * @param places () → [{name, icon, label, take({files, addresses})}] that a thing can be dropped on; the first one also takes what is pasted.
 */
export function listen(places) {
  const over = h("div.dropping", { hidden: true, "aria-hidden": "true" });
  document.body.append(over);
  let depth = 0;

  const show = () => {
    over.replaceChildren(...places().map(({ label, hint }, at) => h("div.place", { "data-at": at }, h("strong", label), h("span", hint ?? ""))));
    over.hidden = false;
  };
  const hide = () => {
    depth = 0;
    over.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!carries(event.dataTransfer)) return;
    event.preventDefault();
    if (depth++ === 0) show();
  });
  addEventListener("dragleave", (event) => carries(event.dataTransfer) && --depth <= 0 && hide());
  addEventListener("dragover", (event) => {
    if (!carries(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    const here = event.target.closest?.(".dropping .place");
    for (const each of over.children) each.classList.toggle("here", each === here);
  });
  addEventListener("drop", (event) => {
    if (!carries(event.dataTransfer)) return;
    event.preventDefault();
    const here = event.target.closest?.(".dropping .place");
    const given = told(event.dataTransfer);
    hide();
    places()[here ? Number(here.dataset.at) : 0]?.take(given);
  });
  addEventListener("paste", (event) => {
    const given = told(event.clipboardData);
    if (!given.files.length && (isWriting(event.target) || !given.addresses.length)) return;
    event.preventDefault();
    places()[0]?.take(given);
  });
}

/** Let the user pick pictures; `capture` asks a phone for its camera. Calls `take` with what was picked. */
export function pick(take, { capture = false, several = true } = {}) {
  const input = h("input", { type: "file", accept: "image/*", multiple: several && !capture, capture: capture ? "environment" : null, hidden: true, "aria-label": text("intake.pick") });
  input.addEventListener("change", () => {
    input.remove();
    if (input.files.length) take({ files: [...input.files], addresses: [] });
  });
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input); // some browsers drop an input that is nowhere
  input.click();
}

/** Whether a drag carries something from outside, and is not a picture of the page itself being moved. */
function carries(transfer) {
  return transfer !== null && (transfer.types.includes("Files") || transfer.types.includes("text/uri-list"));
}

function told(transfer) {
  const files = [...(transfer?.files ?? [])].filter(({ type, name }) => type.startsWith("image/") || /\.(jpe?g|png|webp|avif|hei[cf]|tiff?|gif|bmp)$/i.test(name));
  const lines = transfer?.getData("text/uri-list") || transfer?.getData("text/plain") || "";
  const addresses = files.length ? [] : lines.split(/\r?\n/).filter((line) => /^https?:\/\/\S+$/.test(line));
  return { files, addresses };
}
