// Nothing secret is written: applied to every text of a script or the system before it reaches a file.

import { quote } from './render.mjs';

const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)([^\p{L}\p{N}_]{1,4})([^\r\n"']+)/giu;

// A function that replaces secrets (as they are, percent-encoded, inside JSON) and the values of credential headers.
export function redaction(secrets) {
  const spellings = new Set(secrets.filter(Boolean).flatMap((secret) => [secret, quote(secret), JSON.stringify(secret).slice(1, -1)]));
  const longestFirst = [...spellings].sort((a, b) => b.length - a.length).map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const pattern = longestFirst.length ? new RegExp(longestFirst.join('|'), 'g') : null;
  return (text) => (pattern ? text.replace(pattern, '***') : text).replace(HEADER, '$1$2***');
}
