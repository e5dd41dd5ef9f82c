import { BORDER, SIGNS } from "./data.js";
import { badge } from "./places.js";

/**
 * Where the boxes of an open container stand.  Each container is laid out alone, when it is first shown; closed ones
 * are boxes.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{place: import("./places.js").Place, x: number, y: number, width: number, height: number,
 *   lines: [string, string, string], plan: Plan | null}} Box
 * @typedef {{points: Point[], shape: string, status: string, ends: boolean}} Way
 * @typedef {{boxes: Box[], ways: Way[], width: number, height: number, tops: number[], bottoms: number[]}} Plan
 */

export const HEADER = 26;
const PAD = 14;
const LINE = 16;
const WIDEST = 280;
const NAME_FONT = "600 13px system-ui, sans-serif";
const TEXT_FONT = "11px system-ui, sans-serif";

/** @type {WeakMap<import("./places.js").Place, Plan>} */
const plans = new WeakMap();

/** Forget a container's plan, and those around it, after it was opened or closed. @param {import("./places.js").Place | null} place */
export function forget(place) {
  for (let at = place; at; at = at.parent) plans.delete(at);
}

/** @param {import("./places.js").Place} place an open container @returns {Plan} */
export function planOf(place) {
  let plan = plans.get(place);
  if (!plan) plans.set(place, (plan = arrange(place)));
  return plan;
}

/** @param {import("./places.js").Place} place @returns {Plan} */
function arrange(place) {
  const boxes = place.children.map(boxOf);
  const links = place.body.links;
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, edgesep: 14, ranksep: 34, marginx: PAD, marginy: 6, ranker: boxes.length > 60 ? "longest-path" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  boxes.forEach((box, number) => graph.setNode(String(number), { width: box.width, height: box.height }));
  /** @type {[Set<number>, Set<number>]} */
  const slots = [new Set(), new Set()];
  links.forEach(([source, out, target, into], number) => {
    if (source === BORDER) slots[0].add(out);
    if (target === BORDER) slots[1].add(into);
    const from = source === BORDER ? `in${out}` : String(source);
    const to = target === BORDER ? `out${into}` : String(target);
    for (const end of [from, to]) if (!graph.hasNode(end)) graph.setNode(end, { width: 1, height: 1 });
    graph.setEdge(from, to, { weight: target === source + 1 ? 4 : 1 }, String(number));
  });
  holdTogether(graph, slots[0], "in");
  holdTogether(graph, slots[1], "out");
  dagre.layout(graph);
  boxes.forEach((box, number) => {
    const { x, y } = graph.node(String(number));
    [box.x, box.y] = [x - box.width / 2, y - box.height / 2];
  });
  const { width = 0, height = 0 } = graph.graph();
  const tops = [...slots[0]].sort((a, b) => a - b).map((slot) => graph.node(`in${slot}`).x);
  const bottoms = [...slots[1]].sort((a, b) => a - b).map((slot) => graph.node(`out${slot}`).x);
  const ways = links.map((link, number) => wayOf(link, graph, number, boxes, { tops, bottoms, height }));
  return { boxes, ways, width, height, tops, bottoms };
}

/** Wires enter a container at the top and leave it at the bottom. @param {any} graph @param {Set<number>} slots @param {"in" | "out"} side */
function holdTogether(graph, slots, side) {
  if (slots.size < 2) return;
  graph.setNode(side, { width: 1, height: 1 });
  for (const slot of slots) {
    const ends = side === "in" ? ["in", `in${slot}`] : [`out${slot}`, "out"];
    graph.setEdge(ends[0], ends[1], { weight: 50 }, `${side}${slot}`);
  }
}

/**
 * @param {import("./data.js").Link} link @param {any} graph @param {number} number @param {Box[]} boxes
 * @param {{tops: number[], bottoms: number[], height: number}} border
 * @returns {Way}
 */
function wayOf([source, out, target, into, shape, status], graph, number, boxes, border) {
  const from = source === BORDER ? `in${out}` : String(source);
  const to = target === BORDER ? `out${into}` : String(target);
  /** @type {Point[]} */
  const points = graph.edge(from, to, String(number)).points.slice(1, -1);
  const start = source === BORDER ? { x: graph.node(from).x, y: 0 } : port(boxes[source], "bottoms", out);
  const end = target === BORDER ? { x: graph.node(to).x, y: border.height } : port(boxes[target], "tops", into);
  const shown = source === BORDER || target === BORDER ? "" : shape;
  return { points: [start, ...points.filter((p) => p.y > start.y && p.y < end.y), end], shape: shown, status, ends: target !== BORDER };
}

/** @param {Box} box @param {"tops" | "bottoms"} side @param {number} slot @returns {Point} */
function port(box, side, slot) {
  const y = side === "tops" ? box.y : box.y + box.height;
  const inside = box.plan?.[side][slot];
  return { x: box.x + (inside === undefined ? box.width / 2 : inside + shift(box)), y };
}

/** How far an open container's inside is moved to stand in its middle. @param {Box} box */
export function shift(box) {
  return box.plan ? (box.width - box.plan.width) / 2 : 0;
}

/** @param {import("./places.js").Place} place @returns {Box} */
function boxOf(place) {
  const lines = linesOf(place);
  const head = Math.max(textWidth(lines[0], NAME_FONT) + textWidth(lines[2], TEXT_FONT) + (lines[2] ? 14 : 0), textWidth(lines[1], TEXT_FONT));
  const plan = place.open && place.isContainer ? planOf(place) : null;
  const width = Math.max(head + 2 * PAD + (place.isContainer ? 14 : 0), plan?.width ?? 0, 64);
  const height = plan ? HEADER + plan.height : 12 + LINE + (lines[1] ? LINE : 0);
  return { place, x: 0, y: 0, width, height, lines, plan };
}

/** Title, second line, and what stands at the right. @param {import("./places.js").Place} place @returns {[string, string, string]} */
function linesOf(place) {
  const unit = place.unit;
  if (!unit) return ["", "", ""];
  const sign = place.status && place.status !== "affected" ? `${SIGNS[place.status]} ` : "";
  const times = place.copies > 1 ? ` ×${place.copies}` : "";
  const title = cut(sign + unit.label + times, NAME_FONT);
  const was = unit.old_name || place.leaf?.old_name;
  const words = [was ? `was ${was}` : "", unit.caption].filter(Boolean).join(" · ");
  const second = place.open && place.isContainer ? "" : cut(words, TEXT_FONT);
  return [title, second, place.isContainer && !place.status ? badge(place) : ""];
}

const canvas = document.createElement("canvas").getContext("2d");

/** @param {string} text @param {string} font */
function textWidth(text, font) {
  if (!canvas || !text) return 0;
  canvas.font = font;
  return canvas.measureText(text).width;
}

/** @param {string} text @param {string} font */
function cut(text, font) {
  if (textWidth(text, font) <= WIDEST) return text;
  let end = text.length;
  while (end && textWidth(`${text.slice(0, end)}…`, font) > WIDEST) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}
