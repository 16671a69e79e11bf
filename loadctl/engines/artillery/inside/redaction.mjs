// Nothing secret is written: applied to every text of a script or the system before it reaches a file.

import { quote } from './render.mjs';

const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)([^\p{L}\p{N}_\r\n]{1,4})([\p{L}\p{N}_][^\r\n"']*)/giu;
const NAMES = '(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)';
// "password": "…", also within JSON in JSON; password=…; a header line. What a template stands for is no secret yet.
const FIELD = new RegExp(
  `((?:${NAMES}\\\\*["']\\s*[:=]\\s*\\\\*["']|${NAMES}=|^[\\w-]{0,40}${NAMES}:[ ]*))` +
    `(?!(?:[A-Za-z]+[ ])?\\{\\{)(?:(?<=["'])[^"'\\\\\\r\\n]+|(?<!["'])[^\\s"'&,;<>\\\\]+)`,
  'gim',
);

const inJson = (text) => JSON.stringify(text).slice(1, -1);
const ascii = (text) => text.replace(/[^\0-\x7f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

const spelled = (secret) => [secret, quote(secret), quote(secret).replaceAll('%20', '+'), inJson(secret), ascii(inJson(secret))];

// A function that replaces secrets (as they are, percent-encoded, inside JSON), and values whose name says that they are one.
export function redaction(secrets) {
  const spellings = new Set(secrets.filter(Boolean).flatMap((secret) => spelled(secret)));
  const longestFirst = [...spellings].sort((a, b) => b.length - a.length).map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const pattern = longestFirst.length ? new RegExp(longestFirst.join('|'), 'g') : null;
  return (text) => (pattern ? text.replace(pattern, '***') : text).replace(HEADER, '$1$2***').replace(FIELD, '$1***');
}
