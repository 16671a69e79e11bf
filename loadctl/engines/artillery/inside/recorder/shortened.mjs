// Texts no longer than a number of characters, none of them cut in two.

export const beginning = (text, max) => (text.length <= max ? text : [...text].slice(0, max).join(''));

// It shows where something is missing.
export function shortened(text, max) {
  return text.length <= max || [...text].length <= max ? text : `${beginning(text, max - 1)}…`;
}
