// Nothing secret is written: applied to every text of a script or the system before it reaches a file.

const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)([^\p{L}\p{N}_\r\n]{1,4})([\p{L}\p{N}_][^\r\n"']*)/giu;
const NAMES = '(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)';
// "password": "…", also within JSON in JSON; password=…; a header line. What a template stands for is no secret yet.
const FIELD = new RegExp(
  `((?:${NAMES}\\\\*["']\\s*[:=]\\s*\\\\*["']|${NAMES}=|^[\\w-]{0,40}${NAMES}:[ ]*))` +
    `(?!(?:[A-Za-z]+[ ])?\\{\\{)(?:(?<=["'])[^"'\\\\\\r\\n]+|(?<!["'])[^\\s"'&,;<>\\\\]+)`,
  'gim',
);

const HTML = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
const JSON_NAMES = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f' };

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
// In either case.
const hex = (number, digits) =>
  number
    .toString(16)
    .padStart(digits, '0')
    .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);

// One character in every spelling.
function sign(character) {
  const code = character.codePointAt(0);
  const units = [...Array(character.length).keys()].map((at) => character.charCodeAt(at));
  const ways = [`"/'&<>`.includes(character) ? `\\\\*${escaped(character)}` : escaped(character)];
  ways.push([...Buffer.from(character)].map((byte) => `%(?:25)*${hex(byte, 2)}`).join(''));
  ways.push(units.map((unit) => `\\\\+u${hex(unit, 4)}`).join(''));
  ways.push(`&(?:amp;)*#(?:0*${code}|[xX]0*${hex(code, 1)});`);
  if (character in HTML) ways.push(`&(?:amp;)*${HTML[character]};`);
  if (character in JSON_NAMES) ways.push(`\\\\+${JSON_NAMES[character]}`);
  if (character === '\\') ways[0] = '\\\\+';
  if (character === ' ') ways.push('\\+');
  return `(?:${ways.join('|')})`;
}

const spelled = (secret) => [...secret].map(sign).join('');

// What these variables and columns hold; what is shorter than four characters would be found within words.
export function valuesOf(names, variables) {
  const row = variables?.get('row');
  const column = (name) => (row instanceof Map ? row.get(name) : row?.[name]);
  const values = names.flatMap((name) => [variables?.get(name), column(name)]);
  return values.filter((value) => typeof value === 'string' && value.length > 3);
}

// A function that replaces secrets in every spelling (as they are, percent-encoded, in JSON, in HTML, mixed), and values whose name
// says that they are one.
export function redaction(secrets) {
  const longestFirst = secrets.filter(Boolean).sort((a, b) => b.length - a.length);
  const first = [...new Set(longestFirst.map((secret) => escaped(secret[0])))].join('');
  const pattern = longestFirst.length ? new RegExp(`(?=[${first}%&+\\\\])(?:${longestFirst.map(spelled).join('|')})`, 'g') : null;
  return (text) => (pattern ? text.replace(pattern, '***') : text).replace(HEADER, '$1$2***').replace(FIELD, '$1***');
}
