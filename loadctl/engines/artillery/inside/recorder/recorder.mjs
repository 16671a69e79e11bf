// The recorder folds every request of this shard into one frame a second, like locust/inside/recorder/recorder.py.
//
// A request costs two calls, `begin` and `end`. Seconds turn over inside `end` (a request belongs to the second in which it
// ended, however late the loop gets to the timer); `writeFrames` writes them, between requests.

import { beginning, shortened } from '../client/failure.mjs';
import { monotonic } from '../load/clock.mjs';
import { Cell, Histogram } from './cells.mjs';
import { redaction } from './redaction.mjs';

const ENDPOINTS_MAX = 500;
const CLASSES_MAX = 100;
const NAME_MAX = 500; // characters of an endpoint's name; the reader takes lines of 32 MB, and one line holds 500 endpoints
const NOTES_MAX = 100;
const SPELLINGS_MAX = 10_000;
const EXAMPLES_EACH = 3;
const BODY_MAX = 1024;
const OTHER_ENDPOINT = '(other)';
const SCRIPT_ENDPOINT = '(script)';
const GENERATOR = 'generator';
// The class of an example that is no failure: a 429 of a declared limit.
const RATE_LIMITED = 'rate_limited';
const LIMIT_HEADER = /^(retry-after$|ratelimit|x-ratelimit|x-rate-limit)/;
const NONE = Buffer.alloc(0);

const rounded = (number, digits) => Number(number.toFixed(digits));
const same = (text) => text;
const perSecond = () => ({ planned: 0, begun: 0, dropped: 0, turns: 0, faults: 0 });

// What the headers of a 429 say about the rate limit: `name: value` lines, names in lower case, in the order in which they arrived.
export function limitHeaders(headers) {
  const lines = headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  return lines.filter((line) => LIMIT_HEADER.test(line.split(':', 1)[0])).join('\n');
}

// `write` takes one line of text (with its newline). `redactNames`: endpoint names come from a script and may hold secrets in their
// path. `users` and `leaving` are gauges that the load sets; they are read when a second ends.
export class Recorder {
  constructor(write, { redact = same, redactNames = false, secretVariables = [], clock = monotonic } = {}) {
    this.users = 0;
    this.leaving = 0;
    this.lastBegun = -Infinity;
    this._write = write;
    this._redact = redact;
    this._secretVariables = secretVariables;
    this._redactName = redactNames ? redact : same;
    this._clock = clock;
    this._t0 = Infinity;
    this._secondEnd = Infinity;
    this._t = 0;
    this._byName = new Map();
    this._endpoints = [];
    this._classes = new Set();
    this._notes = new Set();
    this._finished = [];
    this._lagMs = [];
    this._late = new Histogram();
    this._second = perSecond();
    this.totals = { started: 0, completed: 0, failed: 0, rate_limited: 0, ...perSecond() };
  }

  // -- called by users --------------------------------------------------------------------------------------

  // A request starts now. The flight returned must `end`, or be `abandon`ed.
  begin(endpoint) {
    const known = this._byName.get(endpoint) ?? this._endpoint(endpoint);
    const flight = { endpoint: known, began: (this.lastBegun = this._clock()) };
    known.flights.add(flight);
    return flight;
  }

  // It ended now, `us` microseconds after it started (open model, first of a turn: after it was due).
  // `error` is an error class; "generator" is a fault of this turn, not a request of the system.
  // `secretsOf`, of a failure: given the names of secret variables, returns the secrets of its user.
  end(flight, outcome) {
    const { us, error = null, ttfbUs = null, size = 0, rateLimited = false, status = null } = outcome;
    const { message = '', body = NONE, stale = false, secretsOf } = outcome;
    const now = this.catchUp();
    const { endpoint } = flight;
    endpoint.flights.delete(flight);
    const cell = (endpoint.cell ??= new Cell());
    if (error === null && !rateLimited) cell.ok.add(us);
    else if (error === null) {
      cell.rateLimited += 1;
      this._example(endpoint, RATE_LIMITED, now, { status, message });
    } else if (error === GENERATOR) {
      this.fault(message, endpoint.name);
      return;
    } else {
      const errorClass = this._cappedClass(error);
      cell.fail(us, errorClass);
      this._example(endpoint, errorClass, now, { status, message, body, stale, secretsOf });
    }
    cell.bytes += size;
    if (ttfbUs !== null) cell.ttfb.add(ttfbUs);
  }

  // A turn ended, however it went.
  turn() {
    this.catchUp();
    this._second.turns += 1;
  }

  // The generator's own fault ended a turn: an exception in a script, no descriptors or ports left.
  fault(message, endpoint = SCRIPT_ENDPOINT) {
    const now = this.catchUp();
    this._second.faults += 1;
    this._example(this._byName.get(endpoint) ?? this._endpoint(endpoint), GENERATOR, now, { message });
  }

  // Forget a request whose outcome will never be known.
  abandon(flight) {
    flight.endpoint.flights.delete(flight);
  }

  // -- called by the load -----------------------------------------------------------------------------------

  // Open model: an arrival was due; begun `lateUs` microseconds after that, or dropped (null).
  planned(lateUs) {
    this.catchUp();
    this._second.planned += 1;
    if (lateUs === null) this._second.dropped += 1;
    else {
      this._second.begun += 1;
      this._late.add(lateUs);
    }
  }

  get inFlight() {
    return this._endpoints.reduce((sum, endpoint) => sum + endpoint.flights.size, 0);
  }

  // -- called by the process --------------------------------------------------------------------------------

  // Seconds are counted from `t0` on the clock.
  start(t0) {
    this._t0 = t0;
    this._secondEnd = t0 + 1;
  }

  // The timer of a tenth of a second woke `ms` too late.
  lag(ms) {
    this._lagMs.push(rounded(ms, 2));
  }

  // Close the seconds that are over, before a gauge changes. Returns the time.
  catchUp() {
    const now = this._clock();
    while (now >= this._secondEnd) this._closeSecond(false);
    return now;
  }

  // Write the seconds that are over.
  writeFrames() {
    this.catchUp();
    const finished = this._finished;
    this._finished = [];
    finished.forEach((record) => this._writeLine(record));
  }

  hello(facts) {
    this._writeLine({ kind: 'hello', format: 1, engine: 'artillery', ...facts });
  }

  // Something people should know about this shard; each text once.
  note(message) {
    if (this._notes.has(message) || this._notes.size >= NOTES_MAX) return;
    this._notes.add(message);
    this._writeLine({ kind: 'note', message: beginning(this._redact(message), BODY_MAX) });
  }

  // Write the seconds that are over, and the current one as far as it has gone.
  flush() {
    this.writeFrames();
    if (this._t0 <= this._clock()) {
      this._closeSecond(true);
      this.writeFrames();
    }
  }

  // The last lines: the last part of a second; the ages of unfinished requests; totals for cross-checking.
  bye(virtualUsers = null) {
    this.flush();
    const now = this._clock();
    const unfinished = Object.create(null);
    let count = 0;
    for (const endpoint of this._endpoints.filter((each) => each.flights.size)) {
      const ages = [...endpoint.flights].map((flight) => rounded((now - flight.began) * 1000, 1));
      unfinished[endpoint.name] = ages.sort((a, b) => b - a);
      count += ages.length;
    }
    this.totals.started = this.totals.completed + count;
    const counted = virtualUsers === null ? {} : { virtual_users: virtualUsers };
    this._writeLine({ kind: 'bye', t: this._sinceT0(now), unfinished, totals: this.totals, ...counted });
  }

  // -- private ----------------------------------------------------------------------------------------------

  _sinceT0(now) {
    return this._t0 < Infinity ? rounded(Math.max(0, now - this._t0), 3) : 0;
  }

  _endpoint(name) {
    const whole = this._redactName(name);
    const shown = shortened(whole, NAME_MAX);
    if (shown !== whole) this.note(`endpoint names are cut after ${NAME_MAX} characters`);
    const endpoint = this._byName.get(shown) ?? this._newEndpoint(shown);
    if (this._byName.size < SPELLINGS_MAX && endpoint.name !== OTHER_ENDPOINT) this._byName.set(name, endpoint);
    return endpoint;
  }

  _newEndpoint(name) {
    if (this._endpoints.length >= ENDPOINTS_MAX && name !== OTHER_ENDPOINT && name !== SCRIPT_ENDPOINT) {
      this.note(`more than ${ENDPOINTS_MAX} endpoint names: the rest is counted as "${OTHER_ENDPOINT}"`);
      return this._byName.get(OTHER_ENDPOINT) ?? this._newEndpoint(OTHER_ENDPOINT);
    }
    const endpoint = { name, cell: null, flights: new Set(), examples: new Map() }; // `cell`: of the current second
    this._endpoints.push(endpoint);
    this._byName.set(name, endpoint);
    return endpoint;
  }

  _cappedClass(error) {
    if (this._classes.has(error)) return error;
    if (this._classes.size >= CLASSES_MAX) {
      this.note(`more than ${CLASSES_MAX} error classes: the rest is counted as "other"`);
      return 'other';
    }
    this._classes.add(error);
    return error;
  }

  _example(endpoint, error, now, { status = null, message, body = NONE, stale = false, secretsOf }) {
    const seen = endpoint.examples.get(error) ?? 0;
    if (seen >= EXAMPLES_EACH) return;
    endpoint.examples.set(error, seen + 1);
    const hide = redaction(secretsOf?.(this._secretVariables) ?? []);
    this._writeLine({
      kind: 'example',
      t: this._sinceT0(now),
      endpoint: endpoint.name,
      class: error,
      status,
      message: beginning(this._redact(hide(message)), BODY_MAX),
      // Redacted before it is cut: half a secret at the end would still be half a secret.
      body: cut(this._redact(hide(body.subarray(0, 64 * BODY_MAX).toString())), BODY_MAX),
      ...(stale && { stale }),
    });
  }

  _closeSecond(partial) {
    const cells = Object.create(null); // an endpoint may be called __proto__
    let any = false;
    for (const endpoint of this._endpoints) {
      let inFlight = 0;
      for (const flight of endpoint.flights) inFlight += flight.began < this._secondEnd;
      if (endpoint.cell !== null || inFlight) {
        cells[endpoint.name] = { ...this._closeCell(endpoint), in_flight: inFlight };
        any = true;
      }
    }
    for (const [name, count] of Object.entries(this._second)) {
      this.totals[name] += count;
      any ||= count > 0;
    }
    if (!partial || any || this.users || this.leaving) {
      const { users, leaving } = this;
      this._finished.push({ kind: 'frame', t: this._t, users, leaving, lag_ms: this._lagMs, late: this._late.cell(), ...this._second, cells });
    }
    this._second = perSecond();
    this._lagMs = [];
    this._late = new Histogram();
    this._t += 1;
    this._secondEnd = this._t0 + this._t + 1;
  }

  _closeCell(endpoint) {
    const { cell } = endpoint;
    endpoint.cell = null;
    if (cell === null) return {};
    const failed = cell.failed.n;
    this.totals.completed += cell.ok.n + failed + cell.rateLimited;
    this.totals.failed += failed;
    this.totals.rate_limited += cell.rateLimited;
    const closed = {};
    for (const name of ['ok', 'failed', 'ttfb']) if (cell[name].n) closed[name] = cell[name].cell();
    if (failed) closed.errors = Object.fromEntries(cell.errors);
    if (cell.rateLimited) closed.rate_limited = cell.rateLimited;
    if (cell.bytes) closed.bytes = cell.bytes;
    return closed;
  }

  _writeLine(record) {
    this._write(`${JSON.stringify(record)}\n`);
  }
}

// The first `max` bytes of a text, without half a character at the end.
const cut = (text, max) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(text).subarray(0, max), { stream: true });
