// JSON as Python reads and writes it: whole numbers of any size keep their digits, keys their order.
//
// A mapping is a plain object, or a Map where it has keys that look like numbers, which objects would put first.

import { ValueError } from './failure.mjs';

// Long whole numbers (floats have as many digits, and are left to JSON.parse), keys that look like numbers, and what may be half of
// a surrogate pair, which no UTF-8 could send again.
const AWKWARD = /(?<![.0-9])[0-9]{16,}(?![.0-9eE])|"(?:[0-9]|\\u003[0-9])+"\s*:|\\u[dD]/;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const NUMBER = /-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const BLANKS = /[ \t\r\n]*/y;
const INDEX = /^(?:0|[1-9][0-9]*)$/;

// Throws SyntaxError for what is no JSON.
export function parseJson(text) {
  const quick = JSON.parse(text);
  return AWKWARD.test(text) ? new Parser(text).value() : quick;
}

// Of a text that JSON.parse has accepted.
class Parser {
  constructor(text) {
    this._text = text;
    this._at = 0;
  }

  value() {
    this._skip();
    const first = this._text[this._at];
    if (first === '{') return this._mapping();
    if (first === '[') return this._list();
    if (first === '"') return this._string();
    if (first === 't') return this._word(4, true);
    if (first === 'f') return this._word(5, false);
    if (first === 'n') return this._word(4, null);
    const match = this._take(NUMBER);
    const number = Number(match[0]);
    return match[1] || match[2] || Number.isSafeInteger(number) ? number : BigInt(match[0]);
  }

  _mapping() {
    const pairs = [];
    while (this._next('{', '}')) {
      this._skip();
      const key = this._string();
      this._skip();
      this._at += 1; // the colon
      pairs.push([key, this.value()]);
    }
    return pairs.some(([key]) => INDEX.test(key)) ? new Map(pairs) : Object.fromEntries(pairs);
  }

  _string() {
    return JSON.parse(this._take(STRING)[0]).toWellFormed();
  }

  _list() {
    const items = [];
    while (this._next('[', ']')) items.push(this.value());
    return items;
  }

  // Steps over the opening sign or a comma; false at the closing one.
  _next(open, close) {
    this._skip();
    const sign = this._text[this._at++];
    if (sign === close) return false;
    if (sign === open) {
      this._skip();
      if (this._text[this._at] === close) {
        this._at += 1;
        return false;
      }
    }
    return true;
  }

  _skip() {
    this._take(BLANKS);
  }

  _take(pattern) {
    pattern.lastIndex = this._at;
    const match = pattern.exec(this._text);
    this._at = pattern.lastIndex;
    return match;
  }

  _word(length, value) {
    this._at += length;
    return value;
  }
}

export const isMapping = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
export const entries = (mapping) => (mapping instanceof Map ? [...mapping] : Object.entries(mapping));
export const has = (mapping, key) => (mapping instanceof Map ? mapping.has(key) : Object.hasOwn(mapping, key));
export const get = (mapping, key) => (mapping instanceof Map ? mapping.get(key) : mapping[key]);

// Compact. With a `gap` after commas and colons it is for people, and shows numbers that JSON does not have.
// Throws ValueError for those without.
export function encodeJson(value, gap = '') {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Number.isSafeInteger(value) ? String(value) : decimal(value, gap);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      break;
    default:
      return 'null';
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => encodeJson(item, gap)).join(`,${gap}`)}]`;
  return `{${entries(value).map(([key, item]) => `${JSON.stringify(key)}:${gap}${encodeJson(item, gap)}`).join(`,${gap}`)}}`;
}

// A number that is not whole, or too large to be sure, as Python's repr writes it.
function decimal(number, gap) {
  if (!Number.isFinite(number)) {
    if (gap) return String(number);
    throw new ValueError('Out of range float values are not JSON compliant');
  }
  const [mantissa, power] = number.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 16) return Number.isInteger(number) ? `${number}.0` : String(number);
  const digits = String(Math.abs(exponent)).padStart(2, '0');
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`;
}

// The first `max` characters, none of them cut in two.
export const beginning = (text, max) => (text.length <= max ? text : [...text].slice(0, max).join(''));

// No longer than `max` characters, and it shows where something is missing.
export function shortened(text, max) {
  return text.length <= max || [...text].length <= max ? text : `${beginning(text, max - 1)}…`;
}
