// The virtual users of a script: Artillery's own, each seen from its start to its end.
//
// Seen by wrapping `createScenario` of Artillery's engines, which makes the function that lives one virtual user. That place is
// private to Artillery, so it is looked for at the start, and a version without it is refused.

import { AsyncLocalStorage } from 'node:async_hooks';
import { pathToFileURL } from 'node:url';
import { monotonic } from './clock.mjs';
import { sentence } from './load.mjs';
import { SCRIPT_ENDPOINT } from './recorder.mjs';

const ENGINES = { http: 'engine_http', websocket: 'engine_ws', socketio: 'engine_socketio' };
const OURS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
const BY_CODE = {
  ECONNREFUSED: 'connect_refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ERR_STREAM_PREMATURE_CLOSE: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ETIMEDOUT: 'timeout',
  ESOCKETTIMEDOUT: 'timeout',
  ERR_SOCKET_TIMEOUT: 'timeout',
  ERR_TOO_MANY_REDIRECTS: 'redirect_limit',
};

// What Artillery says when an answer is not as the script wants it.
const CHECKS = /capture or match|expectation/i;

// The class of DESIGN §5 of what ended a request.
export function classify(error) {
  const code = String(error?.code ?? '');
  if (OURS.has(code)) return 'generator';
  if (BY_CODE[code]) return BY_CODE[code];
  if (/^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) return 'tls';
  if (/^HPE_|^Z_/.test(code)) return 'protocol';
  if (/redirected \d+ times/i.test(error?.message ?? '')) return 'redirect_limit';
  return 'other';
}

// One virtual user: its requests under way, and the one whose answer Artillery still works on (captures, checks, hooks).
class VirtualUser {
  constructor(due) {
    this.due = due;
    this.open = new Map(); // uuid → flight
    this.settling = null;
  }
}

export class Users {
  // `ended()` is called when a virtual user has ended.
  constructor({ plan, recorder, ended }) {
    this.active = 0;
    this._plan = plan;
    this._recorder = recorder;
    this._ended = ended;
    this._current = new AsyncLocalStorage();
    this._heard = new WeakSet();
    this._nextDue = null;
    this._everyone = new Set();
  }

  // Wrap what is private; throws where it is not there.
  async install() {
    for (const [kind, file] of Object.entries(ENGINES)) {
      const { default: Engine } = await import(pathToFileURL(`${this._plan.artillery.package}/dist/lib/core/${file}.js`).href);
      const original = Engine?.prototype?.createScenario;
      if (typeof original !== 'function') throw new Error(`Artillery ${this._plan.artillery.version} has no ${file} that can be watched`);
      const users = this;
      Engine.prototype.createScenario = function (spec, ee) {
        if (kind === 'http') users._listen(ee);
        const live = original.call(this, spec, ee);
        return (context, callback) => users._live(kind, spec, live, context, callback);
      };
    }
  }

  // Run `arrive`, which starts a virtual user at once; whether it did. `due`: from when its first request counts, or null.
  start(arrive, due) {
    this._nextDue = due;
    const before = this.active;
    arrive();
    return this.active > before;
  }

  // Requests whose answer is taking longer than the scenario allows: Artillery's own timeout ends with the headers.
  expire(now) {
    for (const user of this._everyone) {
      for (const flight of user.open.values()) {
        if (flight.response && now - flight.began > this._plan.timeout_s) {
          flight.response.destroy(Object.assign(new Error('no complete response in time'), { code: 'ETIMEDOUT' }));
        }
      }
    }
  }

  _live(kind, spec, live, context, callback) {
    const user = new VirtualUser(this._nextDue);
    const session = kind === 'http' ? null : this._recorder.begin(`${kind} ${spec.name ?? 'session'}`);
    const began = user.due ?? monotonic();
    this.active += 1;
    this._everyone.add(user);
    let over = false;
    this._current.run(user, () =>
      live(context, (error, after) => {
        if (!over) {
          over = true;
          this._end(user, error, session, began);
        }
        callback(error, after);
      }),
    );
  }

  _end(user, error, session, began) {
    this.active -= 1;
    this._everyone.delete(user);
    if (session) this._endSession(session, error, began);
    else if (error) this._endWith(user, error);
    for (const flight of user.open.values()) this._recorder.abandon(flight.token);
    user.open.clear();
    this._recorder.turn();
    this._ended();
  }

  // A session that is not HTTP counts as one request, from its start to its end.
  _endSession(session, error, began) {
    const us = Math.trunc((monotonic() - began) * 1e6);
    this._recorder.end(session, error ? { us, error: classify(error), message: sentence(error) } : { us });
  }

  // An error ends a virtual user: a request that got no answer, an answer that was not as the script wants it, or the script itself.
  _endWith(user, error) {
    const flights = [...user.open.values()];
    if (flights.length) {
      for (const flight of flights) this._fail(user, flight, classify(error), error?.message ?? String(error));
    } else if (user.settling && CHECKS.test(error?.message)) user.settling.complaint ??= error.message;
    else this._recorder.fault(sentence(error), SCRIPT_ENDPOINT);
  }

  // -- HTTP -------------------------------------------------------------------------------------------------

  _listen(ee) {
    if (this._heard.has(ee)) return;
    this._heard.add(ee);
    ee.on('trace:http:request', (request, id) => this._begin(request, id));
    ee.on('trace:http:response', (response, id) => this._answer(response, id));
    ee.on('counter', (name) => {
      if (name !== 'plugins.expect.failed') return;
      const settling = this._current.getStore()?.settling;
      if (settling) settling.complaint ??= "the script's own expectations failed";
    });
  }

  _begin(request, id) {
    const user = this._current.getStore();
    if (user === undefined || user.open.has(id)) return; // the next hop of a redirect
    const now = monotonic();
    const token = this._recorder.begin(endpointOf(request));
    user.open.set(id, { token, request, began: now, countedFrom: user.due ?? now, response: null, bytes: 0, complaint: null });
    user.due = null;
  }

  _answer(response, id) {
    const user = this._current.getStore();
    const flight = user?.open.get(id);
    if (flight === undefined) return;
    const { statusCode } = response;
    if (statusCode >= 300 && statusCode < 400) {
      if (response.headers.location && flight.request.followRedirect !== false) return;
      flight.request.followRedirect = false; // else Artillery waits for ever for what follows a 304
    }
    flight.response = response;
    flight.firstByteAt = monotonic();
    response.on('data', (chunk) => (flight.bytes += chunk.length));
    response.once('end', () => this._complete(user, id, flight));
  }

  _complete(user, id, flight) {
    user.open.delete(id);
    flight.finishedAt = monotonic();
    user.settling = flight;
    // Artillery takes captures and checks in the same turn of the loop; what they say belongs to this request.
    setImmediate(() => this._settle(user, flight));
  }

  _settle(user, flight) {
    if (user.settling === flight) user.settling = null;
    const { statusCode } = flight.response;
    const us = Math.trunc((flight.finishedAt - flight.countedFrom) * 1e6);
    const limited = statusCode === 429 && this._plan.rate_limit !== null;
    const failed = statusCode >= 400 && !limited;
    this._recorder.end(flight.token, {
      us,
      error: failed ? `status_${statusCode}` : flight.complaint ? 'check_failed' : null,
      ttfbUs: Math.trunc((flight.firstByteAt - flight.countedFrom) * 1e6),
      size: flight.bytes,
      rateLimited: limited,
      status: statusCode,
      message: failed ? `expected status below 400, got ${statusCode}` : (flight.complaint ?? ''),
    });
  }

  _fail(user, flight, errorClass, message) {
    user.open.delete(flight.request.uuid);
    const us = Math.trunc((monotonic() - flight.countedFrom) * 1e6);
    this._recorder.end(flight.token, { us, error: errorClass, message });
  }
}

// The step's own name, else METHOD and path without query, templates shown as {id}.
function endpointOf(request) {
  if (request.name) return request.name;
  const path = request.defaultName ?? pathOf(request.url);
  return `${request.method} ${path.split('?', 1)[0].replace(/\{\{\s*\$?([^}]*?)\s*\}\}/g, '{$1}')}`;
}

function pathOf(url) {
  try {
    return new URL(url).pathname;
  } catch {
    return String(url);
  }
}
