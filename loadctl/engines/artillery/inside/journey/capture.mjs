// Values from a response, by the expressions of `capture:` and `check:`, each compiled once.

import { decodedText } from '../client/charset.mjs';
import { unknownEncoding } from '../client/content.mjs';
import { ValueError } from '../client/failure.mjs';
import { exact, isMapping, readJson } from './document.mjs';

const STEP = /\.([^.[\]]+)|\[(-?\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]/g;

// Not found (null counts as not found).
export const NOTHING = Symbol('nothing');
// The step `[*]`.
const ALL = Symbol('*');

// A response whose body is read as JSON or text when needed, and kept. Reading it throws ValueError with a sentence.
export class Reply {
  constructor(response, client) {
    this.response = response;
    this.client = client;
    this._document = undefined;
    this._text = undefined;
  }

  get document() {
    return (this._document ??= this._readDocument());
  }

  get text() {
    return (this._text ??= decodedText(this._unpacked(), this._contentType));
  }

  _readDocument() {
    const text = decodedText(this._unpacked(), this._contentType, { strict: true });
    try {
      return readJson(text);
    } catch (error) {
      throw new ValueError(`expected JSON, got ${this.response.size} bytes${error.message} (${this._contentType || 'no content type'})`);
    }
  }

  get _contentType() {
    return this.response.first('content-type') ?? '';
  }

  _unpacked() {
    const encoding = this.response.notable && unknownEncoding(this.response.values('content-encoding'));
    if (!encoding) return this.response.body;
    throw new ValueError(`the body is packed as ${encoding}, which loadctl cannot unpack; ask for gzip or deflate (Accept-Encoding)`);
  }
}

// `$.a.b[*].c`, `header NAME`, `cookie NAME` or `regex PATTERN`; the function returns the value or NOTHING.
// `patterns`: `regex PATTERN` → [source, flags] of JavaScript.
export function compileSource(source, patterns) {
  if (Object.hasOwn(patterns, source)) return regex(new RegExp(...patterns[source]));
  const [, kind, rest] = /^(\S*)\s*(.*)$/s.exec(source.trim());
  if (kind === 'header') {
    const name = rest.toLowerCase();
    return (reply) => orNothing(reply.response.first(name));
  }
  if (kind === 'cookie') return (reply) => orNothing(reply.client.jar.value(Buffer.from(rest).latin1Slice()));
  const path = source.trim();
  const steps = jsonPath(path);
  return (reply) => exact(lookup(reply.document, steps), path);
}

// The steps of `$.a[0].b[*]`: a name, an index, or ALL; throws ValueError.
function jsonPath(path) {
  const steps = [...path.matchAll(STEP)];
  if (path !== `$${steps.map(([whole]) => whole).join('')}`) throw new ValueError(`${path} is not a JSON path like $.items[*].id`);
  return steps.map(([, name, index, single, double]) => {
    if (index === undefined) return name ?? single ?? double;
    return index === '*' ? ALL : Number(index);
  });
}

// The steps of the short form in checks: `data.user.name`, `items.0.id`, or a JSON path.
export const dotted = (path) => (path.startsWith('$') ? jsonPath(path) : path.split('.'));

// The value at the end of `steps`, or NOTHING. With a `[*]`: a list of all that is found, perhaps empty.
export function lookup(document, steps) {
  for (const [at, step] of steps.entries()) {
    if (step === ALL) {
      if (!Array.isArray(document)) return NOTHING;
      const rest = steps.slice(at + 1);
      const found = document.map((item) => lookup(item, rest));
      const flat = rest.includes(ALL) ? found.filter(Array.isArray).flat() : found;
      return flat.filter((item) => item !== NOTHING);
    }
    document = stepInto(document, step);
    if (document === null) return NOTHING;
  }
  return document === null ? NOTHING : document;
}

function stepInto(document, step) {
  if (Array.isArray(document)) {
    const isIndex = typeof step === 'number' || /^[0-9]+$/.test(step);
    return isIndex ? (document.at(Number(step)) ?? null) : null;
  }
  return isMapping(document) && Object.hasOwn(document, step) ? document[step] : null;
}

// Of a header or cookie, as on the wire.
const orNothing = (value) => (value === undefined ? NOTHING : Buffer.from(value, 'latin1').toString());

function regex(pattern) {
  const groups = new RegExp(`${pattern.source}|`, pattern.flags).exec('').length - 1;
  return (reply) => {
    const match = pattern.exec(reply.text);
    return (match === null ? undefined : match[groups ? 1 : 0]) ?? NOTHING;
  };
}
