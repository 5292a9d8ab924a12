// The parts of the page that are loaded when they are asked for: the map in place of the pictures, panels beside them.

import { text } from "./text.js";

const PLACES = { map: "whole", teach: "panel", layers: "panel" };

export class Slots {
  #now = "";
  #leave = null;

  constructor(context) {
    this.context = context;
  }

  /** Show one of them, or none. Resolves when it is there. */
  async show(view) {
    if (view === this.#now) return;
    this.#now = view;
    this.#leave?.();
    this.#leave = null;
    for (const id of new Set(Object.values(PLACES))) {
      const place = document.getElementById(id);
      place.hidden = PLACES[view] !== id;
      place.replaceChildren();
    }
    if (!view) return;
    try {
      const { mount } = await import(`./${view}.js`);
      if (this.#now !== view) return;
      const leave = await mount(document.getElementById(PLACES[view]), this.context);
      if (typeof leave === "function") {
        if (this.#now === view) this.#leave = leave;
        else leave();
      }
    } catch (error) {
      this.context.notify(error.detail || text("view.missing"), { kind: "bad" });
      console.warn(error);
    }
  }
}
