import { TEXT_FONT, textWidth } from "./text.js";

/**
 * Where the shapes beside wires stand: on no wire, box or other shape, as far as there is such a place.
 *
 * @typedef {import("./layout.js").Point} Point
 * @typedef {{left: number, right: number, top: number, bottom: number}} Area
 */

const HEIGHT = 11;
const SAMPLES = 10; // of a curve between two points
const SHEETS = 6; // what a stack's copies stand out

/** @param {import("./layout.js").Way} way */
export function signOf(way) {
  return way.status === "added" ? "+ " : way.status === "removed" ? "− " : "";
}

/**
 * @param {import("./layout.js").Way[]} ways
 * @param {import("./layout.js").Box[]} boxes
 * @param {number} width of the container
 * @returns {import("./layout.js").Way[]}
 */
export function placeLabels(ways, boxes, width) {
  const lines = ways.map(({ points }) => sampled(points));
  const areas = boxes.map(areaOf);
  const borders = boxes.filter((box) => box.place.copies > 1).map(({ x, y, width, height }) => ({ left: x, right: x + width + SHEETS, top: y + height, bottom: y + height + SHEETS }));
  return ways.map((way, number) => {
    if (!way.shape) return way;
    const [first] = way.points;
    const wide = textWidth(signOf(way) + way.shape, TEXT_FONT);
    const line = lines[number];
    const beside = line.flatMap(({ x, y }) => [
      { x: x + 6, y: y + 4 },
      { x: x - 6 - wide, y: y + 4 },
      { x: x + 4, y: y - 4 }, // above and below a curve
      { x: x - 4 - wide, y: y - 4 },
      { x: x + 4, y: y + 13 },
      { x: x - 4 - wide, y: y + 13 },
    ]);
    const below = borders.some((sheet) => sheet.top === first.y && sheet.left < first.x && first.x < sheet.right) ? SHEETS + 2 : 0;
    const candidates = [
      { x: first.x + 6, y: first.y + 14 + below },
      { x: first.x - 6 - wide, y: first.y + 14 + below },
      ...beside,
    ];
    const near = lines.flat().filter((point) => Math.abs(point.x - first.x) < wide + 400);
    let best = candidates[0];
    let least = Infinity;
    for (const [rank, at] of candidates.entries()) {
      const area = { left: at.x - 2, right: at.x + wide + 2, top: at.y - HEIGHT + 1, bottom: at.y + 3 };
      if (area.left < 0 || area.right > width) continue;
      const cost = rank / 1000 + near.filter((point) => holds(area, point)).length + 20 * areas.filter((other) => meets(area, other)).length;
      if (cost < least) [best, least] = [at, cost];
      if (cost < 1) break;
    }
    areas.push({ left: best.x, right: best.x + wide, top: best.y - HEIGHT, bottom: best.y + 2 });
    return { ...way, label: best };
  });
}

/**
 * @param {import("./layout.js").Box} box
 * @returns {Area}
 */
function areaOf({ x, y, width, height, place }) {
  const sheets = place.copies > 1 ? SHEETS : 0;
  return { left: x, right: x + width + sheets, top: y, bottom: y + height + sheets };
}

/**
 * Points of a wire, as `draw.js` draws it, close enough to each other for no text to fit between them.
 *
 * @param {Point[]} points
 * @returns {Point[]}
 */
function sampled(points) {
  /** @type {Point[]} */
  const line = [];
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const steps = Math.max(SAMPLES, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / 6));
    for (let step = 0; step <= steps; step++) {
      const t = step / steps;
      const even = t * t * (3 - 2 * t); // both controls stand half way down, above and below the ends
      line.push({ x: a.x + (b.x - a.x) * even, y: a.y + (b.y - a.y) * (1.5 * t * (1 - t) + t ** 3) });
    }
  }
  return line;
}

/**
 * @param {Area} area
 * @param {Point} point
 */
function holds(area, point) {
  return point.x > area.left && point.x < area.right && point.y > area.top && point.y < area.bottom;
}

/**
 * @param {Area} a
 * @param {Area} b
 */
function meets(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
