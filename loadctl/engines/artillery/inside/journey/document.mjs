// The JSON of a response, read so that both engines find the same.

import { ValueError } from '../client/failure.mjs';

const DEPTH_MAX = 200;
const LARGEST = Number.MAX_SAFE_INTEGER;
// An escape; the group is half of a surrogate pair, which UTF-8 cannot send again.
const HALF = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)/gs;

// Throws ValueError; its message completes a sentence about the body and is empty if the body is not JSON.
export function readJson(text) {
  if (text.includes('\\ud') || text.includes('\\uD')) text = text.replace(HALF, (escape, half) => (half ? '\\ufffd' : escape));
  if (text.length > 2 * DEPTH_MAX && isDeep(text)) throw new ValueError(` nested deeper than ${DEPTH_MAX} levels`);
  try {
    return JSON.parse(text);
  } catch {
    throw new ValueError('');
  }
}

// Returns `value`; throws ValueError if a number in it has been rounded.
export function exact(value, where) {
  if (typeof value === 'number' && Math.abs(value) > LARGEST) {
    throw new ValueError(
      `${where} holds a number beyond ±${LARGEST}, which JSON does not carry exactly; let the service send it ` +
        'as text, or look at its digits with  regex  (capture) or  text  (check)',
    );
  }
  if (typeof value === 'object' && value !== null) Object.values(value).forEach((item) => exact(item, where));
  return value;
}

export const isMapping = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

function isDeep(text) {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === 34) inString = !inString;
    else if (sign === 92) at += 1; // a backslash stands in strings only
    else if (inString) continue;
    else if (sign === 91 || sign === 123) depth += 1;
    else if (sign === 93 || sign === 125) depth -= 1;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}
