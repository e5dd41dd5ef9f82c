import { SIGNS } from "./data.js";
import { button, byId, html } from "./dom.js";

/**
 * What a difference says in words: verdict, causes, entries that lead to their places, totals.
 *
 * @param {import("./data.js").Data} data @param {(name: string) => void} go
 */
export function showReview(data, go) {
  const section = byId("review");
  const review = data.review;
  section.hidden = !review;
  document.body.classList.toggle("with-review", Boolean(review));
  if (!review) return;
  section.replaceChildren(
    html("p", { class: "sides" }, html("code", {}, data.before), " → ", html("code", {}, data.after)),
    html("p", { class: "verdict" }, review.verdict),
    ...review.alarm.map((line) => html("p", { class: "alarm", role: "alert" }, line)),
    ...part("As written", review.causes.map(causeLine)),
    ...part("Interface", review.interface.map((line) => html("li", {}, line))),
    ...part("Layers", review.entries.map((entry) => entryLine(entry, go))),
    ...(review.affected ? [html("p", { class: "none" }, `${review.affected} more affected, though written as before`)] : []),
    ...part("Weights", review.weights.map((line) => html("li", {}, line))),
    ...review.sections.flatMap(([name, causes]) => part(name, causes.map(causeLine))),
    ...totals(review.totals),
  );
}

/** @param {string} title @param {HTMLElement[]} items @returns {Node[]} */
function part(title, items) {
  if (!items.length) return [];
  return [html("h3", {}, title), html("ul", {}, ...items)];
}

/** @param {import("./data.js").Cause} cause */
function causeLine(cause) {
  const value = cause.before === null ? `+ ${cause.after}` : cause.after === null ? `− ${cause.before}` : `${cause.before} → ${cause.after}`;
  return html("li", { class: "cause" }, html("code", {}, cause.path), ` ${value}`, ...(cause.place ? [html("span", { class: "where" }, ` ${cause.place}`)] : []));
}

/** @param {import("./data.js").Entry} entry @param {(name: string) => void} go */
function entryLine(entry, go) {
  const sign = html("span", { class: `sign ${entry.status}`, "aria-label": entry.status }, SIGNS[entry.status] ?? "");
  const places = entry.count > 1 ? `${entry.places} (${entry.count})` : entry.places;
  const line = button("", () => go(entry.layers[0]), { class: "entry" });
  line.append(sign, html("span", { class: "what" }, entry.text), html("span", { class: "where" }, ` ${places}`));
  return html("li", {}, line);
}

/** @param {import("./data.js").Total[]} rows @returns {Node[]} */
function totals(rows) {
  if (!rows.length) return [];
  const lines = rows.map((row) => {
    const bar = html("span", { class: "bar" }, html("span", { class: row.share > 1 ? "more" : "less" }));
    const fill = /** @type {HTMLElement} */ (bar.firstChild);
    const most = Math.max(1, row.share);
    fill.style.width = `${(100 * row.share) / most}%`;
    bar.style.setProperty("--before", `${100 / most}%`);
    return html("tr", {}, html("th", { scope: "row" }, row.what), html("td", {}, row.before), html("td", {}, row.after), html("td", {}, row.delta, bar));
  });
  const head = html("tr", {}, ...["", "before", "after", ""].map((text) => html("th", { scope: "col" }, text)));
  return [html("h3", {}, "Totals"), html("table", { class: "totals" }, html("thead", {}, head), html("tbody", {}, ...lines))];
}
