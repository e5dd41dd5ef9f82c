import { SIGNS } from "./data.js";
import { button, byId, html } from "./dom.js";
import { changedLayers, everyPlace, Place } from "./places.js";

const LEAST_BAR = 0.05; // of growth that a bar shows

/**
 * What a difference says in words: verdict, causes, entries that lead to their places, totals.
 *
 * @param {import("./data.js").Network} data
 * @param {(name: string) => void} go
 */
export function showReview(data, go) {
  const section = byId("review");
  const review = data.review;
  section.hidden = !review;
  document.body.classList.toggle("with-review", Boolean(review));
  if (!review) return;
  byId("words").replaceChildren(
    html("p", { class: "sides" }, html("code", {}, data.before), " → ", html("code", {}, data.after)),
    html("p", { class: "verdict" }, review.verdict),
    ...review.alarm.map((line) => html("p", { class: "alarm", role: "alert" }, line)),
    ...part("As written", review.causes.map(textLine)),
    ...sections(review.sections),
    ...part("Interface", review.interface.map(textLine)),
    ...part("Weights", review.weights.map(textLine)),
    ...totals(review.totals),
    ...part("Layers", review.entries.map((entry) => entryLine(entry, go))),
    ...(review.affected ? [html("p", { class: "none" }, review.affected)] : []),
  );
}

/**
 * @param {string} title
 * @param {HTMLElement[]} items
 * @returns {Node[]}
 */
function part(title, items) {
  if (!items.length) return [];
  return [html("h3", {}, title), html("ul", {}, ...items)];
}

/**
 * What changed in `data`, `train`, `budget` and `cells`, each under its name.
 *
 * @param {[string, string][]} lines
 * @returns {Node[]}
 */
function sections(lines) {
  const names = [...new Set(lines.map(([name]) => name))];
  return names.flatMap((name) => part(name[0].toUpperCase() + name.slice(1), lines.filter((line) => line[0] === name).map((line) => textLine(line[1]))));
}

/**
 * The network of which most layers changed, or whose old checkpoints load wrong; those that are new as a whole last.
 *
 * @param {import("./data.js").Network[]} networks
 */
export function mostChanged(networks) {
  const scores = networks.map((data) => {
    const root = new Place(data, null, null);
    const whole = root.whole === "added" || root.whole === "removed" ? 0 : 1;
    return [data.review?.alarm.length ? 1 : 0, whole, changedLayers(root)];
  });
  /** @param {number[]} a @param {number[]} b */
  const more = (a, b) => a.map((score, at) => score - b[at]).find((by) => by !== 0) ?? 0;
  return scores.reduce((best, score, number) => (more(score, scores[best]) > 0 ? number : best), 0);
}

/**
 * What colours, signs and numbers of the picture mean: those of a difference that are in it.
 *
 * @param {import("./data.js").Network} data
 * @param {Place} root
 */
export function showLegend(data, root) {
  const legend = /** @type {HTMLDetailsElement} */ (byId("legend"));
  legend.hidden = !data.review || !root.children.length;
  if (legend.hidden) return;
  const places = [...everyPlace(root)];
  const present = new Set(places.map((place) => place.status));
  /** @type {[string, string, string][]} */
  const statuses = [
    ["added", "+ a", "added"],
    ["removed", "− a", "removed, where it stood"],
    ["changed", "~ a", "changed: what it was in brackets"],
    ["renamed", "→ a", "renamed, else the same"],
    ["affected", "a", "not changed, gets other input or shape"],
  ];
  /** @type {[HTMLElement, string][]} */
  const lines = statuses.filter(([status]) => present.has(status)).map(([status, sign, text]) => [html("span", { class: `swatch ${status}` }, sign), text]);
  lines.push([html("span", { class: "swatch weights" }, "a"), "has weights, unchanged"]);
  if (places.some((place) => place.isContainer && !place.whole && place.hasChange)) {
    const status = Object.keys(SIGNS).find((each) => present.has(each)) ?? "";
    lines.push([html("b", { class: `sign ${status}` }, `${SIGNS[status]}2`), "layers in a container; each: in each copy"]);
  }
  lines.push([html("span", {}, "3×64×64"), "sizes of one sample"]);
  if (data.review?.totals.some(hasBar)) lines.push([html("span", {}, ...shareBar(1.5)), "total after; line: before"]);
  legend.replaceChildren(html("summary", {}, "Legend"), html("table", {}, html("tbody", {}, ...lines.map(([mark, text]) => html("tr", {}, html("td", {}, mark), html("td", {}, text))))));
  legend.open = true;
}

/** @param {string} line */
function textLine(line) {
  return html("li", {}, ...unbroken(line));
}

/**
 * A text that does not break within its arrows.
 *
 * @param {string} text
 */
function unbroken(text) {
  return text.split(/(<?->)/).map((word) => (word.endsWith("->") ? html("span", { class: "arrow" }, word) : document.createTextNode(word)));
}

/**
 * @param {import("./data.js").Entry} entry
 * @param {(name: string) => void} go
 */
function entryLine(entry, go) {
  const sign = html("span", { class: `sign ${entry.status}`, "aria-label": entry.status }, SIGNS[entry.status] ?? "");
  const more = entry.more ? [html("span", { class: "where" }, entry.more)] : [];
  const content = [sign, html("span", { class: "what" }, ...unbroken(entry.text)), ...more];
  if (!entry.layers.length) return html("li", { class: "entry" }, ...content);
  let next = 0; // each click leads to the next of its places
  const line = button("", () => go(entry.layers[next++ % entry.layers.length]), { class: "entry" });
  line.append(...content);
  return html("li", {}, line);
}

/**
 * @param {import("./data.js").Total[]} rows
 * @returns {Node[]}
 */
function totals(rows) {
  if (!rows.length) return [];
  const changed = rows.filter((row) => row.before !== row.after || row.growth);
  const lines = changed.map((row) => {
    const cells = [row.before, row.after].map((text) => html("td", {}, text));
    return html("tr", {}, html("th", { scope: "row" }, row.what), ...cells, html("td", {}, row.growth, ...(hasBar(row) ? shareBar(row.share) : [])));
  });
  const same = rows.filter((row) => !changed.includes(row)).map((row) => `${row.what} ${row.after}`);
  const unchanged = same.length ? [html("p", { class: "none" }, `unchanged: ${same.join(", ")}`)] : [];
  if (!lines.length) return [html("h3", {}, "Totals"), ...unchanged];
  const head = html("tr", {}, ...["", "before", "after", ""].map((text) => html("th", { scope: "col" }, text)));
  return [html("h3", {}, "Totals"), html("table", { class: "totals" }, html("thead", {}, head), html("tbody", {}, ...lines)), ...unchanged];
}

/** @param {import("./data.js").Total} row */
function hasBar(row) {
  return Math.abs(row.share - 1) >= LEAST_BAR;
}

/**
 * An amount after, with a mark where it was before.
 *
 * @param {number} share
 */
function shareBar(share) {
  const most = Math.max(1, share);
  const fill = html("span");
  fill.style.width = `${(100 * share) / most}%`;
  const bar = html("span", { class: "bar", role: "presentation" }, fill);
  bar.style.setProperty("--before", `${100 / most}%`);
  return [bar];
}
