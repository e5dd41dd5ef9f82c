/** How wide texts are, and where long ones are broken. */

export const NAME_FONT = "600 13px system-ui, sans-serif";
export const TEXT_FONT = "11px system-ui, sans-serif";
const WIDEST = 280;
const MOST_LINES = 6; // of a caption

const canvas = document.createElement("canvas").getContext("2d");

/**
 * @param {string} text
 * @param {string} font
 */
export function textWidth(text, font) {
  if (!canvas || !text) return 0;
  canvas.font = font;
  return canvas.measureText(text).width;
}

/**
 * @param {string} text
 * @param {string} font
 */
export function cut(text, font) {
  if (textWidth(text, font) <= WIDEST) return text;
  let end = text.length;
  while (end && textWidth(`${text.slice(0, end)}…`, font) > WIDEST) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

/**
 * A caption in lines, broken between words, none of them wider than a box may be.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function wrapped(text) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && textWidth(longer, TEXT_FONT) <= WIDEST) lines[lines.length - 1] = longer;
    else lines.push(cut(word, TEXT_FONT));
  }
  return lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES - 1), `${lines[MOST_LINES - 1]} …`] : lines;
}
