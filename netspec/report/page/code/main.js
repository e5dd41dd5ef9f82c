import { readData } from "./data.js";
import { button, byId, html } from "./dom.js";
import { drawAll } from "./draw.js";
import { heatOf } from "./heat.js";
import { HELP, nextBox } from "./keys.js";
import { forget } from "./layout.js";
import { showPanel } from "./panel.js";
import { changedLayers, changedPlaces, everyPlace, Place } from "./places.js";
import { mostChanged, showLegend, showReview } from "./review.js";
import { makeSearch } from "./search.js";
import { View } from "./view.js";

const MOST_OPEN = 1500; // boxes that are drawn when all is unfolded
const OPEN_AT_FIRST = 80; // boxes that are drawn in opened containers to show changes

const { networks } = readData();
const svg = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (byId("picture")));
const group = /** @type {SVGElement} */ (/** @type {unknown} */ (byId("network")));
const view = new View(svg, group);

let data = networks[0];
let root = new Place(data, null, null);
/** @type {Place[]} */
let stops = [];
/** @type {Place | null} */
let selected = null;
/** @type {Map<Place, import("./draw.js").Drawn>} */
let drawn = new Map();
/** @type {Map<Element, Place>} */
let placeOf = new Map();
let heat = heatOf(root, "");

function draw() {
  const made = drawAll(group, root, heat);
  drawn = made.drawn;
  view.size = made;
  placeOf = new Map([...drawn].map(([place, box]) => [box.element, place]));
  mark();
}

/** Show which box is selected; it alone can be reached with the tab key. */
function mark() {
  for (const [place, { element }] of drawn) {
    element.classList.toggle("selected", place === selected);
    element.setAttribute("aria-selected", String(place === selected));
    element.setAttribute("tabindex", "-1");
  }
  const reachable = (selected && drawn.get(selected)) ?? drawn.values().next().value;
  reachable?.element.setAttribute("tabindex", "0");
}

/**
 * @param {Place} place
 * @param {boolean} open
 */
function setOpen(place, open) {
  if (!place.isContainer || !place.unit || place.open === open) return false;
  place.open = open;
  forget(place);
  return true;
}

/**
 * Open or close a container where it stands.
 *
 * @param {Place} place
 */
function toggle(place) {
  const before = drawn.get(place);
  setOpen(place, !place.open);
  draw();
  const after = drawn.get(place);
  if (before && after) {
    view.x += (before.x - after.x) * view.scale;
    view.y += (before.y - after.y) * view.scale;
    view.apply();
  }
  select(place, { move: false });
}

/**
 * @param {Place | null} place
 * @param {{move?: boolean, focus?: boolean}} how
 */
function select(place, { move = true, focus = true } = {}) {
  selected = place?.unit ? place : null;
  const opened = selected ? selected.ancestors.filter((above) => setOpen(above, true)) : [];
  if (opened.length) draw();
  else mark();
  const wide = svg.clientWidth;
  showPanel(selected, select, () => select(null));
  if (svg.clientWidth !== wide) {
    view.shift((svg.clientWidth - wide) / 2);
    foldLegend();
  }
  const box = selected && drawn.get(selected);
  if (box) {
    if (move) view.reveal(box);
    if (focus) box.element.focus({ preventScroll: true });
  }
  const name = selected?.name ?? "";
  history.replaceState(null, "", name ? `#${encodeURIComponent(name)}` : location.pathname + location.search);
}

/** @param {string} name */
function goTo(name) {
  const place = root.find(name);
  if (place) select(place);
  return place !== null;
}

/** @param {1 | -1} step */
function step(step) {
  if (!stops.length) return;
  const order = new Map([...everyPlace(root)].map((place, number) => [place, number]));
  const at = selected ? (order.get(selected) ?? -1) : step > 0 ? -1 : Infinity;
  const ahead = stops.filter((place) => ((order.get(place) ?? 0) - at) * step > 0);
  select(step > 0 ? (ahead[0] ?? stops[0]) : (ahead.at(-1) ?? stops[stops.length - 1]));
  byId("position").textContent = `${stops.indexOf(/** @type {Place} */ (selected)) + 1} of ${stops.length}`;
}

/** @param {boolean} open */
function foldAll(open) {
  let left = MOST_OPEN;
  /** @param {Place} place */
  const visit = (place) => {
    for (const child of place.children) {
      left -= 1;
      if (child.isContainer) {
        const fits = open && left > child.body.units.length;
        setOpen(child, fits);
        if (fits || !open) if (fits || child.made) visit(child);
      }
    }
  };
  visit(root);
  draw();
  view.fit(true);
  if (selected && drawn.has(selected)) select(selected);
  else select(null);
}

/** Open what holds changes, the outer containers first, as long as all can be seen. */
function openChanges() {
  let boxes = 0;
  let level = root.children;
  while (level.length) {
    /** @type {Place[]} */
    const next = [];
    for (const place of level) {
      if (!place.isContainer || !place.hasChange || ["added", "removed"].includes(place.whole)) continue;
      if (boxes + place.children.length > OPEN_AT_FIRST) continue;
      boxes += place.children.length;
      setOpen(place, true);
      next.push(...place.children);
    }
    level = next;
  }
}

function switchTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}

const help = /** @type {HTMLDialogElement} */ (byId("help"));
help.append(
  html("h2", {}, "Keys"),
  html("table", {}, html("tbody", {}, ...HELP.map(([keys, text]) => html("tr", {}, html("th", { scope: "row" }, keys), html("td", {}, text))))),
  button("Close", () => help.close()),
);

const finder = makeSearch(() => root, (place) => select(place));

/** @type {Record<string, () => void>} */
const actions = {
  "/": () => finder.focus(),
  "?": () => help.showModal(),
  n: () => step(1),
  p: () => step(-1),
  u: () => foldAll(true),
  f: () => foldAll(false),
  d: switchTheme,
  "+": () => view.zoom(1.25),
  "=": () => view.zoom(1.25),
  "-": () => view.zoom(0.8),
  0: () => view.fit(false),
  Escape: () => select(null),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest("input, select")) return;
  const inPicture = target === document.body || Boolean(target.closest("#picture"));
  if (event.key.startsWith("Arrow") && inPicture) {
    const first = drawn.keys().next().value ?? null;
    const next = selected ? nextBox(drawn, selected, /** @type {"ArrowUp"} */ (event.key)) : first;
    if (next) select(next);
  } else if ((event.key === "Enter" || event.key === " ") && inPicture && selected?.isContainer) toggle(selected);
  else if (actions[event.key]) actions[event.key]();
  else return;
  event.preventDefault();
});

/**
 * @param {Event} event
 * @returns {Place | null}
 */
function clicked(event) {
  const element = /** @type {Element} */ (event.target).closest(".unit");
  return element ? (placeOf.get(element) ?? null) : null;
}

svg.addEventListener("click", (event) => {
  if (view.dragged) return;
  finder.close();
  const place = clicked(event);
  if (place?.isContainer && (place === selected || /** @type {Element} */ (event.target).classList.contains("fold"))) toggle(place);
  else select(place, { move: false });
});
svg.addEventListener("dblclick", (event) => event.preventDefault());
addEventListener("hashchange", () => goTo(decodeURIComponent(location.hash.slice(1))));
addEventListener("beforeprint", () => {
  svg.setAttribute("viewBox", `0 0 ${view.size.width} ${view.size.height}`);
  group.removeAttribute("transform");
});
addEventListener("afterprint", () => {
  svg.removeAttribute("viewBox");
  view.apply();
});

/** @type {Record<string, () => void>} */
const clicks = { unfold: () => foldAll(true), fold: () => foldAll(false), fit: () => view.fit(false), theme: switchTheme, keys: () => help.showModal(), next: () => step(1), previous: () => step(-1) };
for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
const choice = /** @type {HTMLSelectElement} */ (byId("heat"));
choice.addEventListener("change", () => {
  heat = heatOf(root, choice.value);
  document.body.classList.toggle("heated", choice.value !== "");
  draw();
});

/**
 * Show one of the page's networks.
 *
 * @param {number} number
 */
function show(number) {
  data = networks[number];
  root = new Place(data, null, null);
  stops = changedPlaces(root);
  selected = null;
  heat = heatOf(root, choice.value);
  byId("title").textContent = data.name;
  byId("figures").textContent = root.children.length ? data.figures.map(([name, value]) => `${value} ${name}`).join(", ") : "";
  byId("figures").title = data.sizes;
  byId("steps").hidden = !stops.length;
  const layers = changedLayers(root);
  byId("position").textContent = layers ? `${layers.toLocaleString("en")} layer${layers > 1 ? "s" : ""} changed` : "interface changed";
  links.forEach((link, other) => link.setAttribute("aria-current", String(other === number)));
  showReview(data, goTo);
  showLegend(data, root);
  byId("review").scrollTop = 0;
  showPanel(null, select, () => select(null));
  openChanges();
  draw();
  view.fit(true);
  const first = stops.length ? drawn.get(stops[0]) : undefined;
  if (first) view.reveal(first);
  foldLegend();
}

/** The legend is closed where it would hide boxes. */
function foldLegend() {
  const legend = /** @type {HTMLDetailsElement} */ (byId("legend"));
  if (view.x < legend.offsetLeft + legend.offsetWidth) legend.open = false;
}

const links = networks.map((each, number) => {
  const link = button(each.path, () => show(number), { class: "entry" });
  if (each.review?.alarm.length) link.prepend(html("span", { class: "warning", role: "img", "aria-label": "warning" }, "⚠ "));
  link.append(html("span", { class: "where" }, each.review?.verdict ?? ""));
  return link;
});
byId("choice").hidden = networks.length < 2;
byId("choice").append(...links);
show(mostChanged(networks));
if (location.hash.length > 1) goTo(decodeURIComponent(location.hash.slice(1)));
performance.mark("drawn");
document.documentElement.dataset.ready = "true";
