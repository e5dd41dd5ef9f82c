import { isEnd, SIGNS } from "./data.js";

/**
 * One box of the tree.  Equal containers share their body in the data; each has places of its own.
 */
export class Place {
  /**
   * @param {import("./data.js").Network} data
   * @param {import("./data.js").Unit | null} unit null for the network itself
   * @param {Place | null} parent
   */
  constructor(data, unit, parent) {
    this.data = data;
    this.unit = unit;
    this.parent = parent;
    this.open = unit === null;
    /** @type {Place[] | null} */
    this.made = null;
    const around = parent?.prefix ?? "";
    const own = unit?.names[0];
    this.name = own ? around + own : around.replace(/\.$/, "");
    /** @type {string} what stands before the names of what is in it: its own name, in its first copy, and a dot */
    this.prefix = own ? `${this.name}.` : around;
  }

  get bodyNumber() {
    return this.unit ? this.unit.body : this.data.root;
  }

  get isContainer() {
    return this.bodyNumber !== undefined;
  }

  /** @returns {import("./data.js").Body} */
  get body() {
    return this.data.bodies[this.bodyNumber ?? 0];
  }

  /** @returns {import("./data.js").Leaf | null} */
  get leaf() {
    return this.unit?.leaf === undefined ? null : this.data.leaves[this.unit.leaf];
  }

  get copies() {
    return Math.max(1, this.unit?.names.length ?? 1);
  }

  get label() {
    return this.unit?.label ?? this.data.name;
  }

  /** @returns {Place[]} */
  get children() {
    if (!this.isContainer) return [];
    this.made ??= this.body.units.map((unit) => new Place(this.data, unit, this));
    return this.made;
  }

  /** From the outermost container to this place. */
  get ancestors() {
    /** @type {Place[]} */
    const line = [];
    for (let at = this.parent; at?.unit; at = at.parent) line.unshift(at);
    return line;
  }

  /**
   * Names of all copies, those of the containers around it included, at most `most` of them.
   *
   * @param {number} most
   */
  allNames(most) {
    let prefixes = [""];
    for (const place of [...this.ancestors, this]) {
      const names = place.unit?.names ?? [];
      if (!names.length) continue;
      const last = place === this;
      prefixes = prefixes.flatMap((p) => names.map((n) => p + n + (last ? "" : "."))).slice(0, most);
    }
    return prefixes.map((name) => name.replace(/\.$/, ""));
  }

  /**
   * How often the place stands in the network.
   *
   * @returns {number}
   */
  get times() {
    return [...this.ancestors, this].reduce((/** @type {number} */ product, place) => product * place.copies, 1);
  }

  /**
   * The layers below it by what happened to them.
   *
   * @returns {Record<string, number>}
   */
  get counts() {
    return bodyCounts(this.data, this);
  }

  /** What happened to it: a container that is new itself is added, whatever is in it. */
  get status() {
    return this.unit?.status || this.whole;
  }

  /** Its status, where all that is in it has the same. */
  get whole() {
    if (this.leaf) return this.leaf.status;
    const counts = this.counts;
    const kinds = Object.keys(counts);
    return kinds.length === 1 ? kinds[0] : "";
  }

  get hasChange() {
    return Object.keys(this.counts).some((status) => status && status !== "affected");
  }

  /** What a screen reader says. */
  get spoken() {
    const status = this.status ? `${this.status}, ` : "";
    const times = this.copies > 1 ? `, ${this.copies} copies` : "";
    const inside = this.isContainer ? `, ${this.body.units.length} inside` : "";
    return `${status}${this.label}, ${this.unit?.kind ?? "network"}${times}${inside}`;
  }

  /**
   * The place of a layer or container.
   *
   * @param {string} name
   * @returns {Place | null}
   */
  find(name) {
    return findBelow(this, name, "");
  }
}

/**
 * @param {Place} place
 * @param {string} name
 * @param {string} around
 * @returns {Place | null}
 */
function findBelow(place, name, around) {
  /** @type {Place | null} */
  let container = null;
  for (const child of place.children) {
    const names = child.unit?.names ?? [];
    if (!names.length) {
      const inside = findBelow(child, name, around);
      if (inside) return inside;
    }
    for (const own of names) {
      if (!own) continue;
      const whole = around + own;
      if (whole === name) return child;
      if (name.startsWith(`${whole}.`)) {
        const inside = findBelow(child, name, `${whole}.`);
        if (inside) return inside;
      }
      if (whole.startsWith(`${name}.`)) container ??= child;
    }
  }
  return container;
}

/** @type {WeakMap<object, Record<string, number>>} */
const counted = new WeakMap();

/**
 * @param {import("./data.js").Network} data
 * @param {Place} place
 * @returns {Record<string, number>}
 */
function bodyCounts(data, place) {
  if (place.leaf) return { [place.leaf.status]: 1 };
  return countsOf(data, place.body);
}

/**
 * @param {import("./data.js").Network} data
 * @param {import("./data.js").Body} body
 * @returns {Record<string, number>}
 */
function countsOf(data, body) {
  const known = counted.get(body);
  if (known) return known;
  /** @type {Record<string, number>} */
  const counts = {};
  for (const unit of body.units) {
    const copies = Math.max(1, unit.names.length);
    const inside = unit.body === undefined ? { [data.leaves[unit.leaf ?? 0].status]: 1 } : countsOf(data, data.bodies[unit.body]);
    for (const [status, number] of Object.entries(inside)) counts[status] = (counts[status] ?? 0) + number * copies;
  }
  counted.set(body, counts);
  return counts;
}

/**
 * The places to step through: the largest boxes that changed as a whole.
 *
 * @param {Place} place
 * @returns {Place[]}
 */
export function changedPlaces(place) {
  if (!place.hasChange) return [];
  if (place.unit && (place.leaf || ["added", "removed"].includes(place.whole))) return [place];
  return place.children.flatMap(changedPlaces);
}

/**
 * Every layer's place in the order of the network.
 *
 * @param {Place} place
 * @returns {Generator<Place>}
 */
export function* everyPlace(place) {
  for (const child of place.children) {
    yield child;
    yield* everyPlace(child);
  }
}

/**
 * The changes of the layers in a container, `+2 ~1`, by status; of a stack those of each copy.
 *
 * @param {Place} place
 * @returns {[string, string][]}
 */
export function badges(place) {
  const counts = place.counts;
  /** @type {[string, string][]} */
  const signed = Object.keys(SIGNS)
    .filter((status) => status !== "affected" && counts[status])
    .map((status) => [status, `${SIGNS[status]}${counts[status]}`]);
  if (signed.length && place.copies > 1) signed.push(["", "each"]);
  return signed;
}

/**
 * How many layers changed, every copy counted; inputs and outputs of the network are none.
 *
 * @param {Place} root
 */
export function changedLayers(root) {
  const counts = { ...root.counts };
  for (const { unit, leaf } of root.children) if (leaf && isEnd(unit?.kind ?? "")) counts[leaf.status] -= 1;
  return Object.entries(counts).reduce((sum, [status, number]) => (status && status !== "affected" ? sum + number : sum), 0);
}
