import { SIGNS } from "./data.js";
import { button, byId, html } from "./dom.js";

const MOST_NAMES = 12;

/**
 * All about one place.
 *
 * @param {import("./places.js").Place | null} place
 * @param {(place: import("./places.js").Place) => void} go
 * @param {() => void} close
 */
export function showPanel(place, go, close) {
  const panel = byId("panel");
  panel.hidden = !place?.unit;
  document.body.classList.toggle("with-panel", !panel.hidden);
  if (!place?.unit) return;
  const leaf = place.leaf;
  panel.replaceChildren(
    button("×", close, { class: "close", "aria-label": "Close the panel" }),
    html("nav", { "aria-label": "Containers" }, ...crumbs(place, go)),
    html("h2", {}, place.status ? html("span", { class: `sign ${place.status}` }, `${SIGNS[place.status]} ${place.status}`) : "", " ", place.label),
    ...(leaf ? layerParts(place, leaf) : containerParts(place)),
  );
  panel.scrollTop = 0;
}

/**
 * @param {import("./places.js").Place} place
 * @param {(place: import("./places.js").Place) => void} go
 * @returns {Node[]}
 */
function crumbs(place, go) {
  return place.ancestors.flatMap((above) => [button(above.label, () => go(above), { class: "crumb" }), document.createTextNode(" / ")]);
}

/**
 * @param {import("./places.js").Place} place
 * @param {import("./data.js").Leaf} leaf
 * @returns {Node[]}
 */
function layerParts(place, leaf) {
  const facts = leaf.after ?? leaf.before;
  if (!facts) return [];
  const compared = leaf.before !== null && leaf.after !== null && Boolean(place.data.review);
  /** @type {Node[]} */
  const parts = [html("p", { class: "kind" }, facts.kind)];
  if (leaf.old_name) parts.push(html("p", {}, "was ", html("code", {}, leaf.old_name)));
  parts.push(...names(place));
  const equation = place.data.kinds[facts.kind];
  if (equation) parts.push(html("p", { class: "equation" }, equation));
  if (facts.equations.length) parts.push(html("pre", {}, facts.equations.join("\n")));
  parts.push(html("h3", {}, "Fields"), ...fieldTable(leaf, compared));
  parts.push(html("h3", {}, "Shapes and cost"), costTable(leaf, compared, place));
  if (facts.weights.length) parts.push(html("h3", {}, "Weights"), table(["", "shape"], facts.weights, "weights"));
  for (const [title, side] of /** @type {[string, import("./data.js").Facts | null][]} */ ([["before", leaf.before], ["after", leaf.after]])) {
    if (side?.lines && (title === "after" || !leaf.after || compared)) parts.push(...lines(place.data, title, side.lines, compared));
  }
  return parts;
}

/**
 * The fields of a layer; of a changed one before and after, with what else was written differently.
 *
 * @param {import("./data.js").Leaf} leaf
 * @param {boolean} compared
 * @returns {Node[]}
 */
function fieldTable(leaf, compared) {
  const before = new Map(leaf.before?.fields ?? []);
  const after = new Map(leaf.after?.fields ?? []);
  if (!compared) {
    const rows = [...(leaf.after ? after : before)].map(([key, value]) => [key, value]);
    return [rows.length ? table(["", ""], rows, "") : html("p", { class: "none" }, "none beyond the defaults")];
  }
  // A change tells of defaults too, which fields leave out.
  const changes = new Map(leaf.changes.map(([what, was, is]) => [what, [was, is]]));
  const keys = [...new Set([...changes.keys(), ...before.keys(), ...after.keys()])];
  if (!keys.length) return [html("p", { class: "none" }, "none beyond the defaults")];
  const rows = keys.map((key) => [key, ...(changes.get(key) ?? [before.get(key), after.get(key)]).map((value) => value || "–")]);
  return [table(["", "before", "after"], rows, "")];
}

/**
 * @param {import("./data.js").Leaf} leaf
 * @param {boolean} compared
 * @param {import("./places.js").Place} place
 */
function costTable(leaf, compared, place) {
  /** @type {[string, (facts: import("./data.js").Facts) => string][]} */
  const rows = [
    ["input", (facts) => facts.inputs.join("; ")],
    ["output", (facts) => facts.outputs.map(([port, shape]) => (port ? `${port} ${shape}` : shape)).join("; ")],
    ["parameters", (facts) => facts.params.toLocaleString("en")],
    ["FLOPs", (facts) => facts.flops_text],
    ["memory", (facts) => facts.memory_text],
  ];
  const sides = compared ? [leaf.before, leaf.after] : [leaf.after ?? leaf.before];
  const body = rows.map(([name, text]) => [name, ...sides.map((side) => (side ? text(side) : "–"))]);
  const times = place.times > 1 ? [html("caption", {}, `of one of ${place.times} copies`)] : [];
  const made = table(compared ? ["", "before", "after"] : ["", ""], body, "");
  made.prepend(...times);
  return made;
}

/**
 * @param {import("./places.js").Place} place
 * @returns {Node[]}
 */
function containerParts(place) {
  const unit = place.unit;
  if (!unit) return [];
  const counts = Object.entries(place.counts).filter(([status]) => status);
  /** @type {Node[]} */
  const parts = [html("p", { class: "kind" }, unit.kind)];
  if (unit.old_name) parts.push(html("p", {}, "was ", html("code", {}, unit.old_name)));
  parts.push(...names(place));
  if (counts.length) parts.push(html("p", {}, counts.map(([status, number]) => `${SIGNS[status]} ${number} ${status}`).join(", ")));
  const equation = place.data.kinds[unit.kind];
  if (equation) parts.push(html("p", { class: "equation" }, equation));
  /** @type {[string, string][]} */
  const rows = [
    ["parameters", unit.params.toLocaleString("en")],
    ["FLOPs", unit.flops_text],
    ["memory", unit.memory_text],
    ["boxes inside", String(place.body.units.length)],
  ];
  const made = table(["", ""], rows, "");
  if (place.copies > 1) made.prepend(html("caption", {}, `of all ${place.copies} copies together`));
  return [...parts, html("h3", {}, "Cost"), made];
}

/**
 * @param {import("./places.js").Place} place
 * @returns {Node[]}
 */
function names(place) {
  const all = place.allNames(MOST_NAMES);
  if (!all.length || !place.name) return [];
  const more = place.times > all.length ? `, … (${place.times} copies)` : "";
  return [html("p", { class: "names" }, html("a", { href: `#${encodeURIComponent(all[0])}` }, all[0]), all.length > 1 ? `, ${all.slice(1).join(", ")}` : "", more)];
}

/**
 * @param {import("./data.js").Network} data
 * @param {string} title
 * @param {[string, number, number]} span
 * @param {boolean} compared
 * @returns {Node[]}
 */
function lines(data, title, [file, first, last], compared) {
  const text = data.text[title][file] ?? {};
  const numbers = [];
  for (let number = first; number <= last && text[number] !== undefined; number++) numbers.push(number);
  if (!numbers.length) return [];
  const indents = numbers.filter((number) => text[number].trim()).map((number) => text[number].search(/\S/));
  const indent = Math.min(...indents, 80);
  const rows = numbers.map((number) => `${String(number).padStart(4)}  ${text[number].slice(indent)}`);
  const end = last > first ? `–${last}` : "";
  return [html("h3", {}, `${file}, line ${first}${end}${compared ? ` (${title})` : ""}`), html("pre", {}, rows.join("\n"))];
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 * @param {string} kind
 */
function table(head, rows, kind) {
  const made = html("table", { class: kind });
  if (head.some(Boolean)) made.append(html("thead", {}, html("tr", {}, ...head.map((text) => html("th", { scope: "col" }, text)))));
  made.append(
    html("tbody", {}, ...rows.map(([name, ...values]) => {
      const differs = values.length > 1 && values[0] !== values[1];
      return html("tr", differs ? { class: "differs" } : {}, html("th", { scope: "row" }, name), ...values.map((value) => html("td", {}, value)));
    })),
  );
  return made;
}
