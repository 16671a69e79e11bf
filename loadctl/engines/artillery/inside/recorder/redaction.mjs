// Redaction of secrets: applied to every text of a script or the system before it reaches a file.

const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)([^\p{L}\p{N}_\r\n]{1,4})([\p{L}\p{N}_][^\r\n"']*)/giu;
const NAMES = '(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)';
// "password": "…", also within JSON in JSON; password=…; a header line. A template is no secret itself.
const FIELD = new RegExp(
  `((?:${NAMES}\\\\*["']\\s*[:=]\\s*\\\\*["']|${NAMES}=|^[\\w-]{0,40}${NAMES}:[ ]*))` +
    `(?!(?:[A-Za-z]+[ ])?\\{\\{)(?:(?<=["'])[^"'\\\\\\r\\n]+|(?<!["'])[^\\s"'&,;<>\\\\]+)`,
  'gim',
);

const HTML = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
const JSON_NAMES = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f' };

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
// Digits in upper or lower case.
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

// Only the two ends of a long secret are compared: a pattern for all of 20,000 characters does not compile.
const COMPARED = 128;
const LONGEST_SIGN = 12;

function spelled(secret) {
  const signs = [...secret];
  const rest = signs.slice(COMPARED);
  if (rest.length <= COMPARED) return signs.map(sign).join('');
  const [start, end] = [signs.slice(0, COMPARED), rest.slice(-COMPARED)].map((part) => part.map(sign).join(''));
  const between = rest.length - COMPARED;
  return `${start}(?:[^]{${between},${LONGEST_SIGN * between}}?${end}|[\\w+/=.~-]*)`;
}

const CREDENTIAL = /authorization|cookie|key|token|secret|pass|session|jwt/i;
const COOKIE = /(?:^|;\s*)[^=;\s]+=([^;]+)/g;
// Shorter values would be found within words.
const isLong = (value) => typeof value === 'string' && value.length > 3;

// The secrets in headers (pairs) whose names suggest one: the value, what follows a word such as Bearer, each cookie.
export function credentials(headers) {
  const found = headers.flatMap(([name, value]) => {
    const cookies = [...value.matchAll(COOKIE)].map((match) => match[1]);
    if (name.toLowerCase() === 'set-cookie') return cookies.slice(0, 1); // its attributes are ordinary words
    return CREDENTIAL.test(name) ? [value, value.slice(value.indexOf(' ') + 1), ...cookies] : [];
  });
  return found.map((value) => value.replace(/^[ "]+|[ "]+$/g, '')).filter(isLong);
}

// The values of these variables and columns.
export function valuesOf(names, variables) {
  const row = variables?.get('row');
  const column = (name) => (row instanceof Map ? row.get(name) : row?.[name]);
  const values = names.flatMap((name) => [variables?.get(name), column(name)]);
  return values.filter(isLong);
}

// Equal for all spellings of a text; bytes in latin-1. A text whose fold lacks the fold of a secret does not hold the secret.
const SPELLED =
  /%(?:25)*(?<byte>[0-9a-f]{2})|(?<units>(?:\\+u[0-9a-f]{4})+)|&(?:amp;)*(?:#(?<decimal>[0-9]{1,12});|#x(?<hex>[0-9a-f]{1,12});|(?<name>amp|lt|gt|quot|apos);)/gi;
const SIGNS = Object.fromEntries(Object.entries(HTML).map(([sign, name]) => [name, sign]));
const FOLD = { '\\': '', '+': ' ', ...JSON_NAMES };

// Spellings within spellings; the response of a hostile server could nest thousands.
const PASSES = 3;

function folded(text) {
  let data = Buffer.from(text).latin1Slice();
  for (let pass = 0; pass < PASSES; pass += 1) data = data.replace(SPELLED, (...match) => character(match.at(-1)) ?? match[0]);
  return data.replace(/[\\+\n\r\t\b\f]/g, (sign) => FOLD[sign]);
}

function character({ byte, units, decimal, hex, name }) {
  if (byte) return String.fromCharCode(parseInt(byte, 16));
  if (name) return SIGNS[name.toLowerCase()];
  const codes = units ? units.match(/[0-9a-f]{4}/gi).map((unit) => parseInt(unit, 16)) : [decimal ? Number(decimal) : parseInt(hex, 16)];
  if (codes[0] > 0x10ffff) return undefined;
  return Buffer.from(units ? String.fromCharCode(...codes) : String.fromCodePoint(codes[0])).latin1Slice();
}

// A function that replaces secrets in every spelling (plain, percent-encoded, in JSON, in HTML, mixed), and values whose name suggests
// a secret.
export function redaction(secrets) {
  const longestFirst = secrets.filter(Boolean).sort((a, b) => b.length - a.length);
  const folds = new Map(longestFirst.map((secret) => [secret, folded(secret)]));
  const compiled = new Map();
  return (text) => {
    const whole = folds.size ? folded(text) : '';
    // Compiling a long pattern takes a tenth of a second, during which no user can go on.
    const there = longestFirst.filter((secret) => whole.includes(folds.get(secret)));
    if (there.length) {
      const key = there.join('\0');
      if (!compiled.has(key)) compiled.set(key, pattern(there));
      text = text.replace(compiled.get(key), '***');
    }
    return text.replace(HEADER, '$1$2***').replace(FIELD, '$1***');
  };
}

function pattern(secrets) {
  const first = [...new Set(secrets.map((secret) => escaped(secret[0])))].join('');
  return new RegExp(`(?=[${first}%&+\\\\])(?:${secrets.map(spelled).join('|')})`, 'g');
}
