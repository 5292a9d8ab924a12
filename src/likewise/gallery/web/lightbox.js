// One picture, large, over the page: with what is known of it, its neighbours to step through, by keys, buttons or a finger.

const SWIPE_PIXELS = 50;

/**
 * @param dialog a `dialog` with elements of the classes picture, name, facts, more, previous, next, close, similar, original
 * @param show (place) => {name, source, small, original, facts: [[name, value], …]}
 * @param on {step(by), close(), similar()}
 */
export function createLightbox(dialog, { on }) {
  const part = (name) => dialog.querySelector(`.${name}`);
  const picture = part("picture");
  let begun = null;

  part("previous").addEventListener("click", () => on.step(-1));
  part("next").addEventListener("click", () => on.step(1));
  part("close").addEventListener("click", () => dialog.close());
  part("similar").addEventListener("click", () => on.similar());
  dialog.addEventListener("close", () => on.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside what it holds
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const does = { ArrowLeft: () => on.step(-1), ArrowRight: () => on.step(1), s: () => on.similar() }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
  picture.addEventListener("pointerdown", (event) => {
    begun = event.pointerType === "mouse" ? null : event.clientX;
  });
  picture.addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const moved = event.clientX - begun;
    begun = null;
    if (Math.abs(moved) > SWIPE_PIXELS) on.step(moved > 0 ? -1 : 1);
  });

  return {
    /** Show a picture; `told` as above, with `previous` and `next` saying whether there are others. */
    show(told) {
      picture.src = told.source;
      picture.alt = told.name;
      picture.classList.toggle("pixels", Boolean(told.small));
      part("name").textContent = told.name;
      part("facts").replaceChildren(
        ...told.facts.flatMap(([name, value]) => {
          const term = document.createElement("dt");
          const text = document.createElement("dd");
          term.textContent = name;
          text.textContent = value;
          return [term, text];
        }),
      );
      const original = part("original");
      original.hidden = !told.original;
      if (told.original) {
        original.href = told.original;
        original.download = told.name.split("/").pop();
      }
      part("previous").disabled = !told.previous;
      part("next").disabled = !told.next;
      if (!dialog.open) dialog.showModal();
    },
    /** Facts that come later, of the picture that is shown. */
    add(facts) {
      for (const [name, value] of facts) {
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = name;
        text.textContent = value;
        part("facts").append(term, text);
      }
    },
    close() {
      if (dialog.open) dialog.close();
    },
    get isOpen() {
      return dialog.open;
    },
  };
}
