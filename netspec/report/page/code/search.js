import { button, byId, html } from "./dom.js";
import { everyPlace } from "./places.js";

const MOST = 40;

/**
 * The search field: names and kinds, the best first.
 *
 * @param {() => import("./places.js").Place} root
 * @param {(place: import("./places.js").Place) => void} go
 */
export function makeSearch(root, go) {
  const field = /** @type {HTMLInputElement} */ (byId("search"));
  const list = byId("results");
  /** @type {import("./places.js").Place[]} */
  let hits = [];

  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
  };
  /** @param {import("./places.js").Place} place */
  const choose = (place) => {
    close();
    field.blur();
    go(place);
  };
  field.addEventListener("input", () => {
    hits = field.value.trim() ? search(root(), field.value.trim()) : [];
    list.replaceChildren(
      ...hits.slice(0, MOST).map((place) =>
        html("li", {}, button(`${place.name}${place.copies > 1 ? ` ×${place.copies}` : ""}  ${place.unit?.kind ?? ""}`, () => choose(place))),
      ),
      ...(hits.length > MOST ? [html("li", { class: "more" }, `${hits.length - MOST} more`)] : []),
      ...(field.value.trim() && !hits.length ? [html("li", { class: "more" }, "no layer is called so")] : []),
    );
    list.hidden = !field.value.trim();
    field.setAttribute("aria-expanded", String(!list.hidden));
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && hits.length) choose(hits[0]);
    else if (event.key === "ArrowDown" && hits.length) list.querySelector("button")?.focus();
    else if (event.key === "Escape") {
      field.value = "";
      close();
      field.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.key === "Escape") field.focus();
    else if (step) {
      const buttons = [...list.querySelectorAll("button")];
      const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + step;
      (buttons[at] ?? field).focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { focus: () => field.focus(), close };
}

/**
 * @param {import("./places.js").Place} root
 * @param {string} query
 * @returns {import("./places.js").Place[]}
 */
export function search(root, query) {
  const wanted = query.toLowerCase();
  /** @type {[number, import("./places.js").Place][]} */
  const found = [];
  const exact = root.find(query);
  if (exact) found.push([0, exact]);
  for (const place of everyPlace(root)) {
    if (place === exact || !place.unit) continue;
    const name = (place.name || place.label).toLowerCase();
    const own = place.label.toLowerCase();
    const rank = own === wanted ? 1 : own.startsWith(wanted) ? 2 : place.unit.kind.toLowerCase() === wanted ? 3 : name.includes(wanted) ? 4 : place.unit.kind.toLowerCase().includes(wanted) ? 5 : 0;
    if (rank) found.push([rank, place]);
  }
  return found.sort((a, b) => a[0] - b[0]).map(([, place]) => place);
}
