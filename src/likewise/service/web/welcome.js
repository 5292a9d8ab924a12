// What a newcomer sees above the gallery: what this is for, and the three ways to begin.

import { h, icon } from "./elements.js";
import { text } from "./text.js";

export function welcome(root, { choose, photo }) {
  root.append(
    h("div.inviting",
      h("h2.large", text("welcome.title")),
      h("p", text("welcome.how")),
      h("div.line",
        h("button.primary", { type: "button", onclick: choose }, icon("picture"), text("welcome.choose")),
        h("button.plain.photo", { type: "button", onclick: photo }, icon("camera"), text("welcome.photo")))),
  );
}
