// How near a hit is, as a person understands it. Knows no server.

import { h } from "./elements.js";
import { text, number } from "./text.js";

const BARS = { strong: 3, fair: 2, weak: 1 };

/** A sign of one to three bars and a word; where nobody knows what the score means, a line as long as the score. */
export function meter(hit, best = hit.score) {
  const told = text("hit.score", { score: number(hit.score, 4) });
  if (hit.strength) {
    const bars = [1, 2, 3].map((each) => h(each <= BARS[hit.strength] ? "i.on" : "i"));
    return h("span.meter", { "data-strength": hit.strength, title: [told, ...odds(hit)].join(" · ") }, h("span.bars", { "aria-hidden": "true" }, bars), h("span.word", word(hit)));
  }
  const line = h("i.on");
  line.style.width = `${Math.round(100 * share(hit.score, best))}%`;
  return h("span.meter", { title: told }, h("span.line", { "aria-hidden": "true" }, line), h("span.sr", told));
}

/** In words: "Strong match", with places in common where geometry counted them. */
export function word(hit) {
  if (hit.inliers) return text("hit.inliers", { count: hit.inliers });
  return hit.strength ? text(`hit.${hit.strength}`) : text("hit.score", { score: number(hit.score, 4) });
}

/** All numbers of a hit, as [name, value]. */
export function numbers(hit) {
  const out = [];
  if (hit.score !== undefined) out.push([text("detail.score"), number(hit.score, 6)]);
  if (hit.rank !== undefined) out.push([text("detail.rank"), number(hit.rank)]);
  if (hit.chance !== null && hit.chance !== undefined) out.push([text("detail.chance"), ratio(hit.chance)]);
  if (hit.inliers !== null && hit.inliers !== undefined) out.push([text("detail.inliers"), number(hit.inliers)]);
  return out;
}

/** A chance as odds: "1 in 10,000"; "42 %" where it is large. */
export function ratio(chance) {
  return chance >= 0.1 ? text("odds.percent", { percent: number(Math.round(100 * chance)) }) : text("odds.in", { count: Math.round(1 / Math.max(chance, 1e-12)) });
}

function odds(hit) {
  return hit.chance === null || hit.chance === undefined ? [] : [text("hit.chance", { odds: ratio(hit.chance) })];
}

/** Cosines fill the line as they are; scores of distances are set against the best. */
function share(score, best) {
  if (score >= 0) return Math.min(1, best > 1 ? score / best : score);
  return best < 0 ? Math.min(1, best / score) : 0;
}
