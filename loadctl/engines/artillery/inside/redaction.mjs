// Nothing secret is written: applied to every text of a script or the system before it reaches a file.

import { quote } from './render.mjs';

const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)([^\p{L}\p{N}_]{1,4})([^\r\n"']+)/giu;

const inJson = (text) => JSON.stringify(text).slice(1, -1);
const ascii = (text) => text.replace(/[^\0-\x7f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

// A function that replaces secrets (as they are, percent-encoded, inside JSON) and the values of credential headers.
export function redaction(secrets) {
  const spellings = new Set(secrets.filter(Boolean).flatMap((secret) => [secret, quote(secret), inJson(secret), ascii(inJson(secret))]));
  const longestFirst = [...spellings].sort((a, b) => b.length - a.length).map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const pattern = longestFirst.length ? new RegExp(longestFirst.join('|'), 'g') : null;
  return (text) => (pattern ? text.replace(pattern, '***') : text).replace(HEADER, '$1$2***');
}
