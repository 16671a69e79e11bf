// The HTTP requests of a script: each step of Artillery's own engine, from its request to its last byte.
//
// Steps are wrapped, so that what Artillery makes of a response (captures, checks, hooks) belongs to its request, whatever else
// runs at the same time. The request is found again by the id that Artillery gives it.

import { monotonic } from '../load/clock.mjs';
import { limitHeaders } from '../recorder/recorder.mjs';
import { credentials } from '../recorder/redaction.mjs';
import { classify, isCheck, messageOf } from './failure.mjs';

const HOOK = 'loadctlBegins';
// Steps that send nothing themselves.
const SILENT = ['loop', 'parallel', 'think', 'log', 'function'];
// A hook of the script that takes longer than this after a response does not delay the measurement.
const SETTLE_S = 0.5;
const LATE = 'no complete response in time';
const STATUS = new Set(['statusCode', 'notStatusCode']);

// One request of one virtual user.
class Call {
  constructor(user) {
    this.user = user;
    this.id = null;
    this.token = null; // of the recorder: the request has been sent
    this.request = null;
    this.began = 0;
    this.countedFrom = 0;
    this.response = null;
    this.firstByteAt = 0;
    this.finishedAt = 0; // 0: not yet
    this.expired = false;
    this.bytes = 0;
    this.complaint = '';
    this.template = '';
    this.statusAccepted = false; // by the script itself
  }

  // What the script's expectations say. A status that the script expects has not failed, whatever it is.
  expected(results) {
    const failed = results.filter(({ ok }) => !ok).map(({ type, expected, got }) => `${type}: expected ${expected}, got ${got}`);
    if (failed.length) this.complaint ||= `the script's own expectation failed: ${failed.join('; ')}`;
    const status = results.filter(({ type }) => STATUS.has(type));
    this.statusAccepted = status.length > 0 && status.every(({ ok }) => ok);
  }
}

export class Http {
  // `users`: those of users.mjs.
  constructor(users) {
    this.heard = new WeakSet();
    this._plan = users.plan;
    this._recorder = users.recorder;
    this._users = users;
    this._calls = new Map(); // id → call
    this._current = null;
  }

  wrap({ default: Engine }) {
    this._users.wrapSteps(Engine, this, (engine, spec, options, make) => {
      if (SILENT.some((kind) => spec[kind] !== undefined)) return make(options);
      const processor = (engine.config.processor ??= {});
      this._noteMissingHooks(processor, options, Object.values(spec)[0]);
      processor[HOOK] ??= (request, context, events, next) => this._begins(request, next);
      const step = make({ ...options, beforeRequest: [HOOK, ...[options?.beforeRequest ?? []].flat()] });
      return (context, callback) => this._step(step, context, callback);
    });
  }

  // Artillery goes on without hooks that do not exist.
  _noteMissingHooks(processor, ...places) {
    const names = places.flatMap((place) => [place?.beforeRequest ?? [], place?.afterResponse ?? []].flat());
    const missing = names.filter((name) => !String(name).includes('{{') && !processor[name]);
    missing.forEach((name) => this._recorder.note(`the script's hook ${name} is not in its processor and was skipped`));
  }

  _step(step, context, callback) {
    const call = new Call(this._users.userOf(context));
    this._current = call;
    try {
      step(context, (error, after) => {
        this._settle(call, error ?? null);
        callback(error, after);
      });
    } finally {
      this._current = null;
    }
  }

  // The first hook of a request: still in the same turn of the event loop as its step, and its URL is still the template.
  _begins(request, next) {
    const call = this._current;
    if (call !== null) {
      call.id = request.uuid;
      call.template = request.url;
      this._calls.set(call.id, call);
    }
    next(null);
  }

  listen(ee) {
    ee.on('trace:http:request', (request, id) => this._sent(this._calls.get(id), request));
    ee.on('trace:http:response', (response, id) => this._answered(this._calls.get(id), response));
    ee.on('plugin:expect:expectations', ({ results }, { uuid }) => this._calls.get(uuid)?.expected(results));
    ee.on('error', (what) => {
      if (typeof what === 'string' && what.startsWith('Undefined function')) this._recorder.note(`Artillery: ${what}`);
    });
  }

  _sent(call, request) {
    if (call === undefined || call.token !== null) return; // the next hop of a redirect
    call.began = monotonic();
    call.countedFrom = call.user?.takeDue() ?? call.began;
    call.request = request;
    call.token = this._recorder.begin(request.name || `${request.method} ${pathOf(call.template)}`);
  }

  _answered(call, response) {
    if (call === undefined || call.token === null) return;
    const { statusCode } = response;
    if (statusCode >= 300 && statusCode < 400) {
      if (response.headers.location && call.request.followRedirect !== false) return;
      call.request.followRedirect = false; // else Artillery waits for ever for what follows a 304
    }
    call.response = response;
    call.firstByteAt = monotonic();
    response.on('data', (chunk) => (call.bytes += chunk.length));
    response.once('end', () => (call.finishedAt = monotonic()));
  }

  // Artillery is done with the step, successfully or with `error`.
  _settle(call, error) {
    if (!this._calls.delete(call.id) || call.token === null) return; // recorded already; or not sent: a condition, a hook that broke
    if (!call.finishedAt) {
      if (error) this._users.markCounted(call.user, error);
      if (call.expired) this._end(call, monotonic(), 'timeout', LATE);
      else this._end(call, monotonic(), error ? classify(error) : 'other', messageOf(error ?? 'the answer was not complete'));
      return;
    }
    if (error && isCheck(error)) {
      this._users.markCounted(call.user, error);
      call.complaint ||= messageOf(error);
    }
    this._record(call);
  }

  // Record a call whose response is complete.
  _record(call) {
    const { statusCode } = call.response;
    const limited = statusCode === 429 && this._plan.rate_limit !== null;
    if (call.finishedAt - call.began > this._plan.timeout_s) this._end(call, call.finishedAt, 'timeout', LATE);
    else if (statusCode >= 400 && !limited && !call.statusAccepted) {
      this._end(call, call.finishedAt, `status_${statusCode}`, call.complaint || `expected status below 400, got ${statusCode}`);
    } else {
      this._end(call, call.finishedAt, call.complaint ? 'check_failed' : null, call.complaint, limited);
    }
  }

  _end(call, at, error, message, rateLimited = false) {
    const { response, countedFrom } = call;
    const microseconds = (until) => Math.max(0, Math.trunc((until - countedFrom) * 1e6));
    this._recorder.end(call.token, {
      us: microseconds(at),
      error,
      ttfbUs: response === null ? null : microseconds(call.firstByteAt),
      size: call.bytes,
      rateLimited,
      status: response?.statusCode ?? null,
      message: rateLimited ? limitHeaders(Object.entries(response.headers)) : message,
      secretsOf: () => secretsIn(call),
    });
  }

  // End responses that take longer than the scenario allows (Artillery's own timeout ends with the headers), and record those that
  // hooks of the script are still busy with. Expectations come after all other hooks, however long these take.
  expire(now) {
    for (const call of this._calls.values()) {
      if (call.finishedAt) {
        if (now - call.finishedAt > SETTLE_S && call.request.expect === undefined) {
          this._calls.delete(call.id);
          this._record(call);
        }
      } else if (call.response !== null && now - call.began > this._plan.timeout_s) {
        call.expired = true;
        call.response.destroy();
      }
    }
  }

  // The virtual user has ended, or the load has: complete responses count, the outcome of the others will never be known.
  forget(user) {
    for (const call of this._calls.values()) {
      if (call.user !== user) continue;
      this._calls.delete(call.id);
      if (call.finishedAt) this._record(call);
      else if (call.token !== null) this._recorder.abandon(call.token);
    }
  }
}

// The secrets in the headers that were sent and received.
function secretsIn({ request, response }) {
  const headers = [...Object.entries(request?.headers ?? {}), ...Object.entries(response?.headers ?? {})];
  return credentials(headers.flatMap(([name, value]) => [value].flat().map((each) => [name, String(each)])));
}

// The path of a URL without its query, templates shown as {id}.
function pathOf(url) {
  const path = String(url).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*|^\{\{[^}]*\}\}(?=\/)/i, '').split(/[?#]/, 1)[0];
  return path.replace(/\{\{\s*\$?([^}]*?)\s*\}\}/g, '{$1}') || '/';
}
