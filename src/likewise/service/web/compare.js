// Query and picture side by side, with the places that geometry found in both drawn as lines between them. Knows no server.

import { h, svg } from "./elements.js";
import { text } from "./text.js";

const MOST_LINES = 120; // more hide the pictures; every n-th is drawn, spread over all

/**
 * @param query, hit {source: address or promise, alt, width, height}
 * @param explained Promise of {inliers, query: {width, height}, hit: {width, height}, matches: [[qx, qy, hx, hy], …]}, or null.
 */
export function comparison(query, hit, explained) {
  const lines = svg("svg", { class: "lines", "aria-hidden": "true" });
  const note = h("p.note", { role: "status" });
  const pictures = [query, hit].map(({ source, alt }, at) => {
    const img = h("img", { alt });
    Promise.resolve(source).then((address) => (img.src = address), () => {});
    return h("figure", img, h("figcaption", text(at ? "compare.hit" : "compare.query")));
  });
  const root = h("div.comparison", h("div.pair", pictures, lines), note);
  if (!explained) return root;
  note.textContent = text("compare.working");
  let told = null;
  const draw = () => told && paint(lines, root.querySelector(".pair"), pictures, told);
  for (const img of root.querySelectorAll("img")) img.addEventListener("load", draw);
  new ResizeObserver(draw).observe(root);
  explained.then(
    (answer) => {
      told = answer;
      note.textContent = answer.inliers ? text("compare.found", { count: answer.inliers }) : text("compare.none");
      draw();
    },
    (problem) => (note.textContent = problem.name === "AbortError" ? "" : (problem.slug !== "not-found" && problem.detail) || text("compare.failed")),
  );
  return root;
}

function paint(lines, pair, pictures, { query, hit, matches }) {
  const around = pair.getBoundingClientRect();
  const places = pictures.map((figure) => figure.querySelector("img").getBoundingClientRect());
  if (places.some(({ width }) => !width)) return;
  lines.setAttribute("viewBox", `0 0 ${around.width} ${around.height}`);
  const at = ({ left, top, width, height }, of, x, y) => [left - around.left + (x / of.width) * width, top - around.top + (y / of.height) * height];
  const every = Math.ceil(matches.length / MOST_LINES);
  const drawn = matches.filter((_, i) => i % every === 0).map(([qx, qy, hx, hy], i, all) => {
    const [x1, y1] = at(places[0], query, qx, qy);
    const [x2, y2] = at(places[1], hit, hx, hy);
    const hue = `hsl(${Math.round((360 * i) / all.length)} 80% 55%)`;
    return svg("g", { stroke: hue, fill: hue }, svg("line", { x1, y1, x2, y2 }), svg("circle", { cx: x1, cy: y1, r: 2.5 }), svg("circle", { cx: x2, cy: y2, r: 2.5 }));
  });
  lines.replaceChildren(...drawn);
}
