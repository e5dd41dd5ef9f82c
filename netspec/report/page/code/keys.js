/**
 * The box that lies next in a direction: near, and rather straight on than aside.
 *
 * @param {Map<import("./places.js").Place, import("./draw.js").Drawn>} drawn
 * @param {import("./places.js").Place} from
 * @param {"ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight"} key
 */
export function nextBox(drawn, from, key) {
  const at = drawn.get(from);
  if (!at) return null;
  const along = key === "ArrowUp" || key === "ArrowDown";
  const sign = key === "ArrowDown" || key === "ArrowRight" ? 1 : -1;
  /** @type {[number, import("./places.js").Place] | null} */
  let best = null;
  for (const [place, box] of drawn) {
    if (place === from || (place.open && place.isContainer && isAround(place, from))) continue;
    const [dx, dy] = [box.x + box.width / 2 - at.x - at.width / 2, box.y - at.y];
    const ahead = sign * (along ? dy : dx);
    const aside = Math.abs(along ? dx : dy);
    if (ahead < 4 || (!along && aside > Math.max(at.height, box.height))) continue;
    const far = ahead + 2.5 * aside;
    if (!best || far < best[0]) best = [far, place];
  }
  return best ? best[1] : null;
}

/**
 * @param {import("./places.js").Place} outer
 * @param {import("./places.js").Place} inner
 */
function isAround(outer, inner) {
  for (let at = inner.parent; at; at = at.parent) if (at === outer) return true;
  return false;
}

export const HELP = [
  ["↑ ↓ ← →", "the next box"],
  ["Enter", "open or close a container"],
  ["n, p", "next and previous change"],
  ["/", "search"],
  ["u, f", "unfold all, fold all"],
  ["+, −, 0", "larger, smaller, fit"],
  ["d", "light or dark"],
  ["Escape", "close, then leave the box"],
  ["?", "this help"],
];
