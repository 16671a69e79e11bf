// One request of a user type, compiled once: rendering, sending, checking, capturing.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { KEEP_FOR_EXAMPLES, KEEP_TO_READ, Outgoing, encodeTarget, headerValue, splitUrl, withDefaults } from '../client/client.mjs';
import { Failed, ValueError, beginning } from '../client/failure.mjs';
import { monotonic } from '../load/clock.mjs';
import { limitHeaders } from '../recorder/recorder.mjs';
import { credentials, valuesOf } from '../recorder/redaction.mjs';
import { NOTHING, Reply, compileSource } from './capture.mjs';
import { compileCheck, compileStatus } from './check.mjs';
import { Missing, compileForm, compileJson, compileText, compileUrl, rendered } from './render.mjs';

const BOUNDARY = 'loadctl-b1946ac92492d2347c6235b4d2611184';
const NONE = Buffer.alloc(0);

// A request that cannot be made through no fault of the system: a template without a value, no descriptors left.
export class Fault extends Error {}

export class CompiledRequest {
  // `world`: {host, rateLimited, patterns, contentTypes}; `optional`: variables that may find nothing, which
  // ends a `while`; they become null.
  constructor(plan, { world, headers, optional }) {
    this.endpoint = plan.endpoint;
    this._method = plan.method;
    this._timeoutS = plan.timeout_s;
    this._expects429 = world.rateLimited;
    this._url = new Url(plan, world.host);
    const [body, contentType] = compileBody(plan.body, world.contentTypes);
    this._body = typeof body === 'string' ? Buffer.from(body) : body;
    this._compileHeaders(plan, headers, contentType);
    [this._accepts, this._expected] = compileStatus(plan.check.status);
    this._complaints = compileCheck(plan.check);
    this._withinS = plan.check.within_s;
    this._captures = plan.capture.map(([name, source]) => ({
      name,
      source,
      take: compileSource(source, world.patterns),
      optional: optional.has(name),
    }));
    this._readsBody = this._complaints.length > 0 || this._captures.length > 0;
    this._keep = this._readsBody ? KEEP_TO_READ : KEEP_FOR_EXAMPLES;
    this._headers = new Map(); // by origin
    const isFixed = this._url.fixed !== null && typeof body !== 'function' && !this._renderedHeaders.length;
    this._fixed = isFixed ? this._rendered(null) : null;
  }

  // Send it and record it; false: the flow cannot go on. Throws Fault before anything is sent.
  async perform(sender, recorder) {
    const outgoing = this._fixed ?? this._rendered(sender);
    const countedFrom = sender.due ?? monotonic();
    sender.due = null;
    const flight = recorder.begin(this.endpoint);
    let response = null;
    let outcome;
    try {
      response = await sender.client.send(outgoing, this._timeoutS, this._keep);
      outcome = this._outcome(response, sender, countedFrom);
    } catch (error) {
      if (!(error instanceof Failed) || error.errorClass === 'generator') {
        recorder.abandon(flight); // a fault of ours: neither a failure of the system nor unfinished
        throw error instanceof Failed ? new Fault(error.message) : error;
      }
      const { errorClass, message, stale } = error;
      outcome = { us: microseconds(countedFrom, monotonic()), error: errorClass, message, stale };
    }
    if (outcome.error) outcome.secretsOf = (names) => secretsIn(sender, outgoing, response, names);
    recorder.end(flight, outcome);
    if (!outcome.error && !outcome.rateLimited) return true;
    sender.failed = true;
    return !this._captures.length;
  }

  // What the recorder needs to know about a complete response.
  _outcome(response, sender, countedFrom) {
    const us = microseconds(countedFrom, response.finishedAt);
    const [error, message] = this._evaluate(response, sender, us);
    const rateLimited = error === 'status_429' && this._expects429;
    return {
      us,
      error: rateLimited ? null : error,
      ttfbUs: microseconds(countedFrom, response.firstByteAt),
      size: response.size,
      rateLimited,
      status: response.status,
      message: rateLimited ? limitHeaders(response.headers) : message,
      body: error ? response.body : NONE,
      secretsOf: undefined,
    };
  }

  // -- rendering --------------------------------------------------------------------------------------------

  _compileHeaders(plan, headers, contentType) {
    const merged = new Map();
    for (const [name, value] of [...headers, ...plan.headers]) {
      merged.set(name.toLowerCase(), [name, value]);
    }
    merged.delete('content-length'); // ours is right
    if (contentType && !merged.has('content-type')) merged.set('content-type', ['Content-Type', contentType]);
    if (this._url.credentials && !merged.has('authorization')) merged.set('authorization', ['Authorization', this._url.credentials]);
    const compiled = [...merged.values()].map(([name, value]) => [name, compileText(value)]);
    this._staticHeaders = compiled.filter(([, value]) => typeof value === 'string').map(([name, value]) => [name, headerValue(value)]);
    this._renderedHeaders = compiled.filter(([, value]) => typeof value !== 'string');
  }

  // In the order that scenario/prng.py promises: url and query, headers, body.
  _rendered(scope) {
    try {
      const { origin, target } = this._url.fixed ?? this._url.render(scope);
      let headers = this._fixedHeaders(origin);
      if (this._renderedHeaders.length) headers = [...headers, ...this._renderedHeaders.flatMap((each) => renderedHeader(each, scope))];
      return new Outgoing(this._method, origin, target, headers, rendered(this._body, scope));
    } catch (error) {
      if (error instanceof ValueError) throw new Fault(error.message);
      throw error;
    }
  }

  _fixedHeaders(origin) {
    let headers = this._headers.get(origin.key);
    if (headers === undefined) this._headers.set(origin.key, (headers = withDefaults(origin, this._staticHeaders, this._renderedHeaders)));
    return headers;
  }

  // -- checking ---------------------------------------------------------------------------------------------

  // The error class (null for a success), and a sentence about it.
  _evaluate(response, sender, us) {
    const { status } = response;
    if (!this._accepts(status)) {
      return [status >= 400 ? `status_${status}` : 'check_failed', `expected status ${this._expected}, got ${status}`];
    }
    const message = this._readsBody || this._withinS !== null ? this._complaint(response, sender, us) : '';
    return [message ? 'check_failed' : null, message];
  }

  // What is wrong with a response whose status is as expected; empty if nothing.
  _complaint(response, sender, us) {
    if (this._withinS !== null && us > this._withinS * 1e6) {
      return `expected an answer within ${Number((this._withinS * 1000).toPrecision(6))} ms, it took ${(us / 1000).toFixed(1)} ms`;
    }
    if (response.clipped && this._readsBody) {
      return `a body of ${response.size} bytes is too large to be read (limit ${KEEP_TO_READ} bytes)`;
    }
    const reply = new Reply(response, sender.client);
    try {
      for (const complaint of this._complaints) {
        const message = complaint(reply, sender);
        if (message) return message;
      }
      return this._captured(reply, sender.variables);
    } catch (error) {
      if (error instanceof ValueError) return error.message;
      throw error;
    }
  }

  _captured(reply, variables) {
    const found = this._captures.map((capture) => [capture, capture.take(reply)]);
    const without = found.find(([capture, value]) => value === NOTHING && !capture.optional);
    if (without) return `capture ${without[0].name}: ${without[0].source} found nothing`;
    for (const [capture, value] of found) variables.set(capture.name, value === NOTHING ? null : value);
    return '';
  }
}

const microseconds = (from, to) => Math.trunc((to - from) * 1e6);

// The secrets in a user's variables and row (under `names`), in its cookies, and in the headers sent and received.
function secretsIn(sender, { options }, response, names) {
  const pairs = [...(response?.headers ?? [])];
  for (let at = 0; at < options.headers.length; at += 2) pairs.push(options.headers.slice(at, at + 2));
  const texts = pairs.map(([name, value]) => [name, Buffer.from(value, 'latin1').toString()]);
  return [...valuesOf(names, sender.variables), ...sender.client.jar.secrets(), ...credentials(texts)];
}

// Name and value; nothing if the value names a variable that has not been captured yet.
function renderedHeader([name, value], scope) {
  try {
    return [name, headerValue(value(scope))];
  } catch (error) {
    if (error instanceof Missing) return [];
    throw error;
  }
}

// Where a request goes: path and query below the host, or a URL of its own.
class Url {
  constructor(plan, host) {
    const { origin, target, credentials } = splitUrl(host);
    this.credentials = credentials;
    this._origin = origin;
    this._base = target.replace(/\/+$/, '');
    this._url = compileUrl(plan.url);
    this._query = compileForm(plan.query);
    const isFixed = typeof this._url === 'string' && typeof this._query === 'string';
    this.fixed = isFixed ? this._resolved(this._url, this._query) : null;
  }

  render(scope) {
    return this._resolved(rendered(this._url, scope), rendered(this._query, scope));
  }

  _resolved(url, query) {
    if (query) {
      const [path] = url.split('#', 1); // encodeTarget drops the fragment
      url = `${path}${path.includes('?') ? '&' : '?'}${query}`;
    }
    if (url.startsWith('/')) return { origin: this._origin, target: encodeTarget(this._base + url) };
    if (/^https?:\/\//i.test(url)) return splitUrl(url);
    throw new ValueError(`a URL begins with / or http, not with '${beginning(url, 60)}'`);
  }
}

// The body, or a function that renders it (text or Buffer), and its Content-Type.
function compileBody(plan, contentTypes) {
  if (plan === null) return [NONE, ''];
  if (plan.kind === 'json') return [compileJson(plan.json), 'application/json'];
  if (plan.kind === 'form') return [compileForm(plan.fields), 'application/x-www-form-urlencoded'];
  if (plan.kind === 'raw') return [compileText(plan.raw), 'text/plain; charset=utf-8'];
  return [compileMultipart(plan, contentTypes), `multipart/form-data; boundary=${BOUNDARY}`];
}

// Fields before files, each file read once.
function compileMultipart(plan, contentTypes) {
  const files = plan.files.flatMap(([name, path]) => {
    const more = `; filename="${quoted(basename(path))}"\r\nContent-Type: ${contentTypes[path]}`;
    return [Buffer.from(partHead(name, more)), readFileSync(path), Buffer.from('\r\n')];
  });
  const end = Buffer.concat([...files, Buffer.from(`--${BOUNDARY}--\r\n`)]);
  const fields = plan.fields.map(([name, value]) => [partHead(name, ''), compileText(value)]);
  const render = (scope) => {
    const parts = fields.map(([head, value]) => `${head}${rendered(value, scope)}\r\n`);
    return Buffer.concat([Buffer.from(parts.join('')), end]);
  };
  return fields.some(([, value]) => typeof value === 'function') ? render : render(null);
}

const partHead = (name, more) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${quoted(name)}"${more}\r\n\r\n`;
const quoted = (name) => name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
