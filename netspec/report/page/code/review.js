import { SIGNS } from "./data.js";
import { button, byId, html } from "./dom.js";

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
    ...part("Layers", review.entries.map((entry) => entryLine(entry, go))),
    ...(review.affected ? [html("p", { class: "none" }, review.affected)] : []),
    ...part("Interface", review.interface.map(textLine)),
    ...part("Weights", review.weights.map(textLine)),
    ...part("Besides", review.sections.map(([name, text]) => html("li", {}, html("b", {}, name), ` ${text}`))),
    ...totals(review.totals),
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

/** @param {string} line */
function textLine(line) {
  return html("li", {}, line);
}

/**
 * @param {import("./data.js").Entry} entry
 * @param {(name: string) => void} go
 */
function entryLine(entry, go) {
  const sign = html("span", { class: `sign ${entry.status}`, "aria-label": entry.status }, SIGNS[entry.status] ?? "");
  const more = entry.more ? [html("span", { class: "where" }, entry.more)] : [];
  const content = [sign, html("span", { class: "what" }, entry.text), ...more];
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
  const lines = rows.map((row) => {
    const cells = [row.before, row.after].map((text) => html("td", {}, text));
    return html("tr", {}, html("th", { scope: "row" }, row.what), ...cells, html("td", {}, row.growth, ...shareBar(row.share)));
  });
  const head = html("tr", {}, ...["", "before", "after", ""].map((text) => html("th", { scope: "col" }, text)));
  return [html("h3", {}, "Totals"), html("table", { class: "totals" }, html("thead", {}, head), html("tbody", {}, ...lines))];
}

/**
 * An amount after, with a mark where it was before.
 *
 * @param {number} share
 */
function shareBar(share) {
  if (share === 1) return [];
  const most = Math.max(1, share);
  const fill = html("span");
  fill.style.width = `${(100 * share) / most}%`;
  const bar = html("span", { class: "bar", role: "presentation" }, fill);
  bar.style.setProperty("--before", `${100 / most}%`);
  return [bar];
}
