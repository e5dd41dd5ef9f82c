
/**
 * The share of the network's parameters, FLOPs or memory that a place has.
 *
 * @param {import("./places.js").Place} root
 * @param {string} what
 * @returns {(place: import("./places.js").Place) => number}
 */
export function heatOf(root, what) {
  if (!what) return () => 0;
  const key = /** @type {"params" | "flops" | "memory"} */ (what);
  const total = root.children.reduce((sum, child) => sum + (child.unit?.[key] ?? 0), 0);
  if (!total) return () => 0;
  return (place) => ((place.unit?.[key] ?? 0) * around(place)) / total;
}

/**
 * How many copies the containers around a place have together.
 *
 * @param {import("./places.js").Place} place
 */
function around(place) {
  return place.times / place.copies;
}

