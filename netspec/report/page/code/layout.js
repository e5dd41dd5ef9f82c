import { BORDER, SIGNS } from "./data.js";
import { placeLabels } from "./labels.js";
import { badges } from "./places.js";
import { cut, NAME_FONT, TEXT_FONT, textWidth, wrapped } from "./text.js";

/**
 * Where the boxes of an open container stand.  Each container is laid out alone, when it is first shown; closed ones
 * are boxes.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{place: import("./places.js").Place, x: number, y: number, width: number, height: number, lines:
 *   Lines, plan: Plan | null}} Box
 * @typedef {{points: Point[], shape: string, status: string, ends: boolean, label: Point}} Way
 * @typedef {{boxes: Box[], ways: Way[], width: number, height: number, tops: number[], bottoms: number[]}} Plan
 */

export const HEADER = 24;
const PAD = 12;
export const LINE = 16;
const BESIDE = 230; // title and caption in one line

/** @type {WeakMap<import("./places.js").Place, Plan>} */
const plans = new WeakMap();

/**
 * Forget a container's plan, and those around it, after it was opened or closed.
 *
 * @param {import("./places.js").Place | null} place
 */
export function forget(place) {
  for (let at = place; at; at = at.parent) plans.delete(at);
}

/**
 * @param {import("./places.js").Place} place an open container
 * @returns {Plan}
 */
export function planOf(place) {
  let plan = plans.get(place);
  if (!plan) plans.set(place, (plan = arrange(place)));
  return plan;
}

/**
 * @param {import("./places.js").Place} place
 * @returns {Plan}
 */
function arrange(place) {
  const boxes = place.children.map(boxOf);
  if (!boxes.length) return { boxes, ways: [], width: 0, height: 0, tops: [], bottoms: [] };
  const links = place.body.links;
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  const ranker = boxes.length > 60 ? "longest-path" : "network-simplex";
  graph.setGraph({ rankdir: "TB", nodesep: 22, edgesep: 16, ranksep: 30, marginx: PAD, marginy: 4, ranker });
  graph.setDefaultEdgeLabel(() => ({}));
  boxes.forEach((box, number) => graph.setNode(String(number), { width: box.width, height: box.height }));
  /** @type {[Set<number>, Set<number>]} */
  const slots = [new Set(), new Set()];
  links.forEach((link, number) => {
    const [source, out, target, into] = link;
    if (source === BORDER) slots[0].add(out);
    if (target === BORDER) slots[1].add(into);
    const [from, to] = endsOf(link);
    for (const end of [from, to]) if (!graph.hasNode(end)) graph.setNode(end, { width: 1, height: 1 });
    graph.setEdge(from, to, { weight: isMain(link) ? 8 : 1 }, String(number));
  });
  holdTogether(graph, slots[0], "in");
  holdTogether(graph, slots[1], "out");
  dagre.layout(graph);
  straighten(graph, links, boxes);
  if (isMirrored(graph, links, boxes)) mirror(graph);
  evade(graph, boxes);
  const { width, height } = bounds(graph, boxes);
  boxes.forEach((box, number) => {
    const { x, y } = graph.node(String(number));
    [box.x, box.y] = [x - box.width / 2, y - box.height / 2];
  });
  const tops = [...slots[0]].sort((a, b) => a - b).map((slot) => graph.node(`in${slot}`).x);
  const bottoms = [...slots[1]].sort((a, b) => a - b).map((slot) => graph.node(`out${slot}`).x);
  const ways = links.map((link, number) => wayOf(link, graph, number, boxes, height));
  return { boxes, ways: placeLabels(labelled(ways, links, boxes), boxes, width), width, height, tops, bottoms };
}

/**
 * The names of a link's ends in the layout.
 *
 * @param {import("./data.js").Link} link
 * @returns {[string, string]}
 */
function endsOf([source, out, target, into]) {
  return [source === BORDER ? `in${out}` : String(source), target === BORDER ? `out${into}` : String(target)];
}

/**
 * Whether a link goes straight on: the first input of a box, not one that is no more.
 *
 * @param {import("./data.js").Link} link
 */
function isMain([, , target, into, , status]) {
  return status !== "removed" && (target === BORDER || into === 0);
}

/**
 * Boxes that follow each other by main links stand below each other where nothing beside them is in the way.
 *
 * @param {any} graph
 * @param {import("./data.js").Link[]} links
 * @param {Box[]} boxes
 */
function straighten(graph, links, boxes) {
  /** @type {Map<string, string>} */
  const next = new Map();
  /** @type {Map<string, number>} */
  const leaving = new Map();
  const span = (/** @type {import("./data.js").Link} */ link) => {
    const [from, to] = endsOf(link);
    return graph.node(to).y - graph.node(from).y;
  };
  const main = links.filter(isMain).sort((a, b) => span(a) - span(b));
  for (const link of main) {
    const [from, to] = endsOf(link);
    leaving.set(from, (leaving.get(from) ?? 0) + 1);
    if (!next.has(from) && ![...next.values()].includes(to)) next.set(from, to);
  }
  const rivals = (/** @type {string} */ from) => (leaving.get(from) ?? 0) > 1;
  const starts = [...next.keys()].filter((name) => ![...next.values()].includes(name));
  for (const start of starts) {
    /** @type {string[]} */
    const run = [start];
    for (let at = start; next.has(at) && !rivals(at); at = /** @type {string} */ (next.get(at))) run.push(/** @type {string} */ (next.get(at)));
    const xs = run.map((name) => graph.node(name).x);
    const x = xs.slice().sort((a, b) => a - b)[Math.floor(xs.length / 2)];
    for (const name of run) if (isFree(graph, boxes, name, x)) graph.node(name).x = x;
  }
}

/**
 * Whether a box can stand at x in its row.
 *
 * @param {any} graph
 * @param {Box[]} boxes
 * @param {string} name
 * @param {number} x
 */
function isFree(graph, boxes, name, x) {
  const node = graph.node(name);
  return boxes.every((box, number) => {
    const other = graph.node(String(number));
    if (String(number) === name || Math.abs(other.y - node.y) >= (box.height + node.height) / 2) return true;
    return Math.abs(other.x - x) >= (box.width + node.width) / 2 + 8;
  });
}

/**
 * Whether branches stand from right to left, or wires that pass boxes do so at their left.
 *
 * @param {any} graph
 * @param {import("./data.js").Link[]} links
 * @param {Box[]} boxes
 */
function isMirrored(graph, links, boxes) {
  let score = 0;
  for (let a = 0; a < boxes.length; a++) {
    for (let b = a + 1; b < Math.min(boxes.length, a + 20); b++) {
      const [left, right] = [graph.node(String(a)), graph.node(String(b))];
      if (Math.abs(left.y - right.y) < 1) score += Math.sign(right.x - left.x);
    }
  }
  score += 4 * writtenOrder(graph, links);
  links.forEach((link, number) => {
    const [from, to] = endsOf(link);
    for (const { x, y } of graph.edge(from, to, String(number)).points.slice(1, -1)) {
      for (let at = 0; at < boxes.length; at++) {
        const node = graph.node(String(at));
        if (Math.abs(node.y - y) < node.height / 2 + 1) score += 0.1 * Math.sign(x - node.x);
      }
    }
  });
  return score < 0;
}

/**
 * How many neighbours that one box reads stand in the order in which it reads them, less those that do not.
 *
 * @param {any} graph
 * @param {import("./data.js").Link[]} links
 */
function writtenOrder(graph, links) {
  /** @type {Map<number, import("./data.js").Link[]>} */
  const read = new Map();
  for (const link of links) if (link[0] !== BORDER && link[5] !== "removed") read.set(link[2], [...(read.get(link[2]) ?? []), link]);
  let score = 0;
  for (const inputs of read.values()) {
    inputs.sort((a, b) => a[3] - b[3]);
    for (let at = 1; at < inputs.length; at++) {
      const [left, right] = [graph.node(String(inputs[at - 1][0])), graph.node(String(inputs[at][0]))];
      if (Math.abs(left.y - right.y) < 1) score += Math.sign(right.x - left.x);
    }
  }
  return score;
}

/**
 * Wires that pass boxes go around them, all the way at one side.
 *
 * @param {any} graph
 * @param {Box[]} boxes
 */
function evade(graph, boxes) {
  const nodes = boxes.map((_, number) => graph.node(String(number)));
  const passing = { left: 0, right: 0 };
  for (const edge of graph.edges()) {
    /** @type {Point[]} */
    const points = graph.edge(edge).points.slice(1, -1);
    const hit = points.flatMap((p) =>
      nodes.filter((n) => Math.abs(p.y - n.y) < n.height / 2 + 6 && Math.abs(p.x - n.x) < n.width / 2 + 4),
    );
    if (!hit.length) continue;
    const side = points.reduce((sum, p) => sum + p.x - hit[0].x, 0) < -1 ? "left" : "right";
    const edges = hit.map((n) => (side === "left" ? n.x - n.width / 2 : n.x + n.width / 2));
    const away = 14 + 10 * passing[side]++;
    const x = side === "left" ? Math.min(...edges, ...points.map((p) => p.x + 14)) - away : Math.max(...edges, ...points.map((p) => p.x - 14)) + away;
    for (const point of points) point.x = x;
    const aside = points.filter((p) => nodes.some((n) => Math.abs(p.y - n.y) < n.height / 2 + 6));
    graph.edge(edge).points.splice(1, points.length, ...(aside.length > 1 ? aside : points));
  }
}

/** @param {any} graph */
function mirror(graph) {
  for (const name of graph.nodes()) graph.node(name).x *= -1;
  for (const edge of graph.edges()) for (const point of graph.edge(edge).points) point.x *= -1;
}

/**
 * Move all to begin at the left border; the size of it.
 *
 * @param {any} graph
 * @param {Box[]} boxes
 */
function bounds(graph, boxes) {
  /** @type {{x: number, y: number, width: number, height: number}[]} */
  const nodes = graph.nodes().map((/** @type {string} */ name) => graph.node(name));
  /** @type {Point[]} */
  const points = graph.edges().flatMap((/** @type {any} */ edge) => graph.edge(edge).points.slice(1, -1));
  const left = Math.min(...nodes.map((n) => n.x - n.width / 2), ...points.map((p) => p.x)) - PAD;
  const right = Math.max(...nodes.map((n) => n.x + n.width / 2), ...points.map((p) => p.x)) + PAD;
  for (const node of nodes) node.x -= left;
  for (const point of points) point.x -= left;
  const sheets = boxes.some((box) => box.place.copies > 1) ? 6 : 0;
  return { width: right - left + sheets, height: graph.graph().height ?? 0 };
}

/**
 * One shape a tensor, not one a wire; none beside wires that are no more, where others tell it, and none where an
 * input of the network tells it.
 *
 * @param {Way[]} ways
 * @param {import("./data.js").Link[]} links
 * @param {Box[]} boxes
 */
function labelled(ways, links, boxes) {
  /** @type {Set<string>} */
  const told = new Set();
  const order = ways.map((_, number) => number).sort((a, b) => Number(ways[a].status === "removed") - Number(ways[b].status === "removed"));
  const shapes = new Map();
  for (const number of order) {
    const [source, out] = links[number];
    const key = `${source} ${out}`;
    if (!told.has(key) && boxes[source]?.place.unit?.kind !== "input") shapes.set(number, ways[number].shape);
    told.add(key);
  }
  return ways.map((way, number) => ({ ...way, shape: shapes.get(number) ?? "" }));
}

/**
 * Wires enter a container at the top and leave it at the bottom.
 *
 * @param {any} graph
 * @param {Set<number>} slots
 * @param {"in" | "out"} side
 */
function holdTogether(graph, slots, side) {
  if (slots.size < 2) return;
  graph.setNode(side, { width: 1, height: 1 });
  for (const slot of slots) {
    const ends = side === "in" ? ["in", `in${slot}`] : [`out${slot}`, "out"];
    graph.setEdge(ends[0], ends[1], { weight: 50 }, `${side}${slot}`);
  }
}

/**
 * @param {import("./data.js").Link} link
 * @param {any} graph
 * @param {number} number
 * @param {Box[]} boxes
 * @param {number} height
 * @returns {Way}
 */
function wayOf(link, graph, number, boxes, height) {
  const [source, out, target, into, shape, status] = link;
  const [from, to] = endsOf(link);
  /** @type {Point[]} */
  const points = graph.edge(from, to, String(number)).points.slice(1, -1);
  const start = source === BORDER ? { x: graph.node(from).x, y: 0 } : port(boxes[source], "bottoms", out);
  const end = target === BORDER ? { x: graph.node(to).x, y: height } : port(boxes[target], "tops", into);
  const between = points.filter((p) => p.y > start.y + 4 && p.y < end.y - 4);
  const direct = between.length < 2; // dagre gives a point between rows that follow each other
  const turns = direct ? [] : between;
  if (Math.abs(start.x - end.x) > 1) {
    // It goes aside between the rows, not through a taller neighbour of its ends.
    const leaving = { x: start.x, y: source === BORDER ? start.y : Math.max(...rowOf(boxes, source).map((box) => box.y + box.height)) };
    const coming = { x: end.x, y: target === BORDER ? end.y : Math.min(...rowOf(boxes, target).map((box) => box.y)) };
    if (leaving.y > start.y + 2 && leaving.y < Math.min(coming.y, ...turns.map((p) => p.y))) turns.unshift(leaving);
    if (coming.y < end.y - 2 && coming.y > Math.max(leaving.y, ...turns.map((p) => p.y))) turns.push(coming);
  }
  const shown = source === BORDER || target === BORDER ? "" : shape;
  return { points: [start, ...turns, end], shape: shown, status, ends: target !== BORDER, label: start };
}

/**
 * The boxes beside one, itself included.
 *
 * @param {Box[]} boxes
 * @param {number} number
 */
function rowOf(boxes, number) {
  const middle = boxes[number].y + boxes[number].height / 2;
  return boxes.filter((box) => Math.abs(box.y + box.height / 2 - middle) < 1);
}

/**
 * @param {Box} box
 * @param {"tops" | "bottoms"} side
 * @param {number} slot
 * @returns {Point}
 */
function port(box, side, slot) {
  const y = side === "tops" ? box.y : box.y + box.height;
  const inside = box.plan?.[side][slot];
  return { x: box.x + (inside === undefined ? box.width / 2 : inside + shift(box)), y };
}

/**
 * How far an open container's inside is moved for its first wire to stand in the middle.
 *
 * @param {Box} box
 */
export function shift(box) {
  return box.plan ? box.width / 2 - (box.plan.tops[0] ?? box.plan.bottoms[0] ?? box.plan.width / 2) : 0;
}

/**
 * @param {import("./places.js").Place} place
 * @returns {Box}
 */
function boxOf(place) {
  const lines = linesOf(place);
  const plan = place.open && place.isContainer ? planOf(place) : null;
  const badge = lines.badges.map(([, text]) => text).join(" ");
  const head = lines.width + (badge ? textWidth(badge, TEXT_FONT) * 1.1 + 14 : 0) + 20 + (place.isContainer ? 14 : 0);
  // The first wire enters in the middle, so that it runs straight through containers.
  const port = plan?.tops[0] ?? plan?.bottoms[0] ?? (plan?.width ?? 0) / 2;
  const width = Math.max(head, plan ? 2 * Math.max(port, plan.width - port) : 0, 56);
  const height = plan ? HEADER + plan.height : 10 + LINE + lines.below.length * (LINE - 2);
  return { place, x: 0, y: 0, width, height, lines, plan };
}

/**
 * The texts of a box: those of a layer stand beside each other where there is room.  `width`: of the widest line.
 *
 * @typedef {{title: string, titleWidth: number, beside: string, below: string[], badges: [string, string][], width: number}} Lines
 * @param {import("./places.js").Place} place
 * @returns {Lines}
 */
function linesOf(place) {
  const unit = place.unit;
  if (!unit) return { title: "", titleWidth: 0, beside: "", below: [], badges: [], width: 0 };
  const sign = place.status && place.status !== "affected" ? `${SIGNS[place.status]} ` : "";
  const times = place.copies > 1 ? ` ×${place.copies}` : "";
  const title = cut(sign + unit.label + times, NAME_FONT);
  const titleWidth = textWidth(title, NAME_FONT);
  const captionWidth = textWidth(unit.caption, TEXT_FONT);
  const fits = titleWidth + captionWidth < BESIDE || (place.isContainer && place.open);
  const below = fits ? [] : wrapped(unit.caption);
  const beside = fits && unit.caption ? captionWidth + 8 : 0;
  const width = Math.max(titleWidth + beside, ...below.map((line) => textWidth(line, TEXT_FONT)));
  return { title, titleWidth, beside: fits ? unit.caption : "", below, badges: place.isContainer && !place.whole ? badges(place) : [], width };
}
