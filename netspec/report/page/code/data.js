/**
 * What the page shows, as `netspec/report/page/data.py` wrote it.
 *
 * @typedef {{kind: string, fields: [string, string][], inputs: string[], outputs: [string, string][],
 *   params: number, flops: number, flops_text: string, memory: number, memory_text: string,
 *   weights: [string, string][], lines: [string, number, number] | null, equations: string[]}} Facts
 * @typedef {{before: Facts | null, after: Facts | null, status: string, old_name: string,
 *   changes: [string, string, string][]}} Leaf
 * @typedef {{names: string[], label: string, kind: string, caption: string, old_name: string,
 *   status: string, body?: number, leaf?: number, params: number, flops: number, flops_text: string, memory: number, memory_text: string}} Unit
 * @typedef {[number, number, number, number, string, string]} Link
 *   source unit and slot, target unit and slot, shape, status
 * @typedef {{units: Unit[], links: Link[]}} Body
 * @typedef {{what: string, before: string, after: string, growth: string, share: number}} Total
 * @typedef {{status: string, text: string, more: string, layers: string[]}} Entry
 * @typedef {{verdict: string, alarm: string[], causes: string[], interface: string[], weights: string[],
 *   sections: [string, string][], entries: Entry[], affected: string, totals: Total[]}} Review
 * @typedef {{name: string, path: string, before: string, after: string, description: string,
 *   figures: [string, string][], sizes: string, bodies: Body[], root: number, leaves: Leaf[],
 *   kinds: Record<string, string>, text: Record<string, Record<string, Record<string, string>>>, review: Review | null}} Network
 * @typedef {{format_version: number, networks: Network[]}} Data
 */

/** The border of a body, where a unit's number stands otherwise. */
export const BORDER = -1;

/** @type {Record<string, string>} */
export const SIGNS = { added: "+", removed: "−", changed: "~", renamed: "→", affected: "·" };

/** @param {string} kind of a box */
export function isEnd(kind) {
  return kind === "input" || kind === "output";
}

/** @returns {Data} */
export function readData() {
  const element = document.getElementById("data");
  return JSON.parse(element?.textContent ?? "{}");
}
