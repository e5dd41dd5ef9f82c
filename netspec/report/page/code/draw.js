import { isEnd } from "./data.js";
import { signOf } from "./labels.js";
import { HEADER, LINE, planOf, shift } from "./layout.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 * @returns {SVGElement}
 */
export function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * The whole picture as it is open now: fills `group` and returns where each visible place stands.
 *
 * @typedef {{element: SVGElement, x: number, y: number, width: number, height: number}} Drawn
 * @param {SVGElement} group
 * @param {import("./places.js").Place} root
 * @param {(place: import("./places.js").Place) => number} heat the share that colours a box, 0 to 1
 * @returns {{drawn: Map<import("./places.js").Place, Drawn>, width: number, height: number}}
 */
export function drawAll(group, root, heat) {
  /** @type {Map<import("./places.js").Place, Drawn>} */
  const drawn = new Map();
  const plan = planOf(root);
  group.replaceChildren(...drawPlan(plan, 0, 0, 1, drawn, heat));
  return { drawn, width: plan.width, height: plan.height };
}

/**
 * @param {import("./layout.js").Plan} plan
 * @param {number} x
 * @param {number} y
 * @param {number} level
 * @param {Map<import("./places.js").Place, Drawn>} drawn
 * @param {(place: import("./places.js").Place) => number} heat
 * @returns {SVGElement[]}
 */
function drawPlan(plan, x, y, level, drawn, heat) {
  const wires = plan.ways.flatMap((way) => drawWay(way, x, y));
  const boxes = plan.boxes.map((box) => drawBox(box, x + box.x, y + box.y, level, drawn, heat));
  return [...boxes, ...wires];
}

/**
 * @param {import("./layout.js").Way} way
 * @param {number} x
 * @param {number} y
 * @returns {SVGElement[]}
 */
function drawWay(way, x, y) {
  const points = way.points.map((p) => ({ x: p.x + x, y: p.y + y }));
  let path = `M${points[0].x} ${points[0].y}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const middle = (a.y + b.y) / 2; // `labels.js` has the same curve as points
    path += Math.abs(a.x - b.x) < 0.5 ? `L${b.x} ${b.y}` : `C${a.x} ${middle} ${b.x} ${middle} ${b.x} ${b.y}`;
  }
  const status = way.status ? ` ${way.status}` : "";
  const line = shape("path", { class: `wire${status}`, d: path });
  if (way.ends) line.setAttribute("marker-end", `url(#arrow${way.status ? `-${way.status}` : ""})`);
  const sign = signOf(way);
  if (!way.shape) return [line];
  return [line, shape("text", { class: `shape${status}`, x: way.label.x + x, y: way.label.y + y }, sign + way.shape)];
}

/**
 * @param {import("./layout.js").Box} box
 * @param {number} x
 * @param {number} y
 * @param {number} level
 * @param {Map<import("./places.js").Place, Drawn>} drawn
 * @param {(place: import("./places.js").Place) => number} heat
 * @returns {SVGElement}
 */
function drawBox(box, x, y, level, drawn, heat) {
  const { place, width, height, lines } = box;
  const unit = place.unit;
  const ends = isEnd(unit?.kind ?? "");
  const role = place.isContainer ? "container" : ends ? "end" : (unit?.params ?? 0) > 0 ? "weights" : "plain";
  const group = shape("g", {
    class: `unit ${role} ${place.status || (place.hasChange || !place.counts.affected ? "" : "affected")} ${box.plan ? "open" : ""} level${level % 2}`,
    role: "treeitem",
    tabindex: -1,
    "aria-level": level,
    "aria-label": place.spoken,
    "aria-selected": "false",
  });
  if (place.isContainer) group.setAttribute("aria-expanded", String(place.open));
  const radius = ends ? height / 2 : 5;
  if (place.copies > 1) {
    for (const sheet of [6, 3]) group.append(shape("rect", { class: "sheet", x: x + sheet, y: y + sheet, width, height, rx: radius }));
  }
  group.append(shape("rect", { class: "box", x, y, width, height, rx: radius }));
  const share = heat(place);
  if (share > 0 && !box.plan) {
    const fill = shape("rect", { class: "heat", x, y, width, height, rx: radius });
    fill.style.opacity = String(0.08 + 0.72 * Math.sqrt(share));
    group.append(fill, shape("rect", { class: "heat-bar", x: x + 5, y: y + height - 5, width: Math.max(1, (width - 10) * share), height: 3 }));
  }
  const left = x + (place.isContainer ? 24 : (width - lines.width) / 2);
  if (place.isContainer) group.append(shape("path", { class: "fold", d: box.plan ? `M${x + 9} ${y + 9.5}h9l-4.5 6z` : `M${x + 10} ${y + 8}l6 4.5l-6 4.5z` }));
  group.append(shape("text", { class: "title", x: left, y: y + 17 }, lines.title));
  if (lines.beside) group.append(shape("text", { class: "second", x: left + lines.titleWidth + 8, y: y + 17 }, lines.beside));
  lines.below.forEach((line, number) => group.append(shape("text", { class: "second", x: left, y: y + 31 + number * (LINE - 2) }, line)));
  if (lines.badges.length) {
    const badge = shape("text", { class: "badge", x: x + width - 10, y: y + 17, "text-anchor": "end" });
    badge.append(...lines.badges.map(([status, text], number) => shape("tspan", { class: status }, (number ? " " : "") + text)));
    group.append(badge);
  }
  drawn.set(place, { element: group, x, y, width, height });
  if (box.plan) {
    const inside = shape("g", { role: "group" });
    inside.append(...drawPlan(box.plan, x + shift(box), y + HEADER, level + 1, drawn, heat));
    group.append(inside);
  }
  return group;
}
