// The values that templates draw: the same on every engine, to the bit. The rules are in scenario/prng.py.

import { ValueError, shortened } from '../client/failure.mjs';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const DECIMAL = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/;

const shown = (value) => shortened(JSON.stringify(value), 60);
const trimmed = (text) => text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
const isWhole = (value) => Number.isSafeInteger(value);
const isNumber = (value) => typeof value === 'number';

function mix32(h) {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// Where the stream of `user` starts.
export const hash32 = (seed, user) => mix32(mix32((seed + 0x9e3779b9) >>> 0) ^ user);

// mulberry32 and the helpers that draw from it. A helper that cannot answer throws ValueError.
export class Stream {
  constructor(state) {
    this._state = state;
  }

  // The next draw: 0 … 2³² - 1.
  next() {
    const a = (this._state = (this._state + 0x6d2b79f5) >>> 0);
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  weighted_index(weights) {
    let left = this.next() % weights.reduce((sum, weight) => sum + weight, 0);
    return weights.findIndex((weight) => (left -= weight) < 0);
  }

  random_int(low, high) {
    if (!(isWhole(low) && isWhole(high))) {
      throw new ValueError(`random_int needs two whole numbers, not ${shown(low)} and ${shown(high)}`);
    }
    const count = high - low + 1;
    if (!(count > 0 && count <= 4294967296)) throw new ValueError(`random_int(${low}, ${high}) has no values, or more than 2³²`);
    return low + (this.next() % count);
  }

  random_float(low, high) {
    if (!(isNumber(low) && isNumber(high))) {
      throw new ValueError(`random_float needs two numbers, not ${shown(low)} and ${shown(high)}`);
    }
    const drawn = low + (high - low) * (this.next() / 4294967296);
    if (!Number.isFinite(drawn)) throw new ValueError(`random_float(${low}, ${high}) has too wide a range`);
    return drawn;
  }

  random_floats(count) {
    return Array.from({ length: counted('random_floats', count) }, () => (this.next() % 1000000) / 1000000);
  }

  random_string(count) {
    let text = '';
    for (let left = counted('random_string', count); left > 0; left -= 1) text += ALPHABET[this.next() % 36];
    return text;
  }

  random_choice(values) {
    if (!Array.isArray(values)) throw new ValueError(`random_choice needs a list, not ${shown(values)}`);
    if (!values.length) throw new ValueError('random_choice was given an empty list');
    return values[this.next() % values.length];
  }

  uuid() {
    let digits = '';
    for (let i = 0; i < 4; i += 1) digits += this.next().toString(16).padStart(8, '0');
    const variant = '89ab'[parseInt(digits[16], 16) % 4];
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
  }
}

function counted(name, value) {
  if (!isWhole(value) || value < 0 || value > 1000000) {
    throw new ValueError(`${name} needs a whole number from 0 to 1,000,000, not ${shown(value)}`);
  }
  return value;
}

function toInt(value) {
  let found = NaN;
  if (typeof value === 'string' && value.length < 40 && /^[+-]?[0-9]+$/.test(trimmed(value))) found = Number(trimmed(value));
  else if (isNumber(value) || typeof value === 'boolean') found = Math.trunc(Number(value));
  if (!Number.isSafeInteger(found)) throw new ValueError(`int() cannot read ${shown(value)}`);
  return found + 0; // no -0
}

function toFloat(value) {
  let found = NaN;
  if (typeof value === 'string' && DECIMAL.test(trimmed(value))) found = Number(trimmed(value));
  else if (isNumber(value) || typeof value === 'boolean') found = Number(value);
  if (!Number.isFinite(found)) throw new ValueError(`float() cannot read ${shown(value)}`);
  return found;
}

// `str(x)`: how a value looks inside a text.
export function text(value) {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// Helpers that draw nothing; the others are methods of Stream.
export const FREE_HELPERS = {
  int: toInt,
  float: toFloat,
  str: text,
  now: () => new Date().toISOString(),
  timestamp: () => Date.now(),
};
