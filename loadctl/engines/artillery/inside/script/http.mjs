// The HTTP requests of a script: each step of Artillery's own engine, from its request to its last byte.
//
// A step is wrapped, so that what Artillery makes of an answer (captures, checks, hooks) belongs to its request, whatever else
// runs at the same time. The request is found again by the id that Artillery gives to it.

import { monotonic } from '../load/clock.mjs';
import { limitHeaders } from '../client/limit.mjs';
import { credentials } from '../recorder/redaction.mjs';
import { classify, isCheck, wordsOf } from './failure.mjs';

const HOOK = 'loadctlBegins';
// Steps that send nothing themselves.
const OTHERS = ['loop', 'parallel', 'think', 'log', 'function'];
// A hook of the script that takes longer than this after an answer does not hold back what was measured.
const SETTLE_S = 0.5;
const LATE = 'no complete response in time';
const STATUS = new Set(['statusCode', 'notStatusCode']);

// One request of one virtual user.
class Call {
  constructor(user) {
    this.user = user;
    this.id = null;
    this.token = null; // of the recorder: it has been sent
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

  // What the script expects of the answer. A status that it expects has not failed, whatever it is.
  expected(results) {
    const failed = results.filter(({ ok }) => !ok).map(({ type, expected, got }) => `${type}: expected ${expected}, got ${got}`);
    if (failed.length) this.complaint ||= `the script's own expectation failed: ${failed.join('; ')}`;
    const status = results.filter(({ type }) => STATUS.has(type));
    this.statusAccepted = status.length > 0 && status.every(({ ok }) => ok);
  }

  // An expectation is looked at after all other hooks, however long they take.
  get expects() {
    return this.request.expect !== undefined;
  }
}

export class Http {
  // `users`: {userOf(context), parked, tell(user, error)}.
  constructor({ plan, recorder, users }) {
    this._plan = plan;
    this._recorder = recorder;
    this._users = users;
    this._calls = new Map(); // id → call
    this._names = new Map(); // METHOD and URL as they stand in the script → endpoint; as many as it has steps
    this._heard = new WeakSet();
    this._current = null;
  }

  wrap(Engine) {
    const http = this;
    const original = Engine.prototype.step;
    Engine.prototype.step = function (spec, ee, options) {
      http._listen(ee);
      if (OTHERS.some((kind) => spec[kind] !== undefined)) {
        const step = original.call(this, spec, ee, options);
        return (context, callback) => (http._users.parked ? undefined : step(context, callback));
      }
      const begins = (request, context, events, next) => http._begins(request, next);
      this.config.processor ??= {};
      http._missHooks(this.config.processor, options, Object.values(spec)[0]);
      this.config.processor[HOOK] ??= begins;
      const hooks = { ...options, beforeRequest: [HOOK, ...[options?.beforeRequest ?? []].flat()] };
      const step = original.call(this, spec, ee, hooks);
      return (context, callback) => http._step(step, context, callback);
    };
  }

  // Artillery goes on without hooks that are not there.
  _missHooks(processor, ...places) {
    const names = places.flatMap((place) => [place?.beforeRequest ?? [], place?.afterResponse ?? []].flat());
    const missing = names.filter((name) => !String(name).includes('{{') && !processor[name]);
    missing.forEach((name) => this._recorder.note(`the script's hook ${name} is not in its processor, and is left out`));
  }

  _step(step, context, callback) {
    if (this._users.parked) return; // it never goes on
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

  // The first hook of a request: still in the same turn as its step, and its URL is still the template.
  _begins(request, next) {
    const call = this._current;
    if (call !== null) {
      call.id = request.uuid;
      call.template = request.url;
      this._calls.set(call.id, call);
    }
    next(null);
  }

  _listen(ee) {
    if (this._heard.has(ee)) return;
    this._heard.add(ee);
    ee.on('trace:http:request', (request, id) => this._sent(this._calls.get(id), request));
    ee.on('trace:http:response', (response, id) => this._answered(this._calls.get(id), response));
    ee.on('plugin:expect:expectations', ({ results }, { uuid }) => this._calls.get(uuid)?.expected(results));
    ee.on('error', (what) => {
      if (typeof what === 'string' && what.startsWith('Undefined function')) this._recorder.note(`Artillery: ${what}`);
    });
  }

  _sent(call, request) {
    if (call === undefined || call.token !== null) return; // the next hop of a redirect
    call.began = this._users.sentAt = monotonic();
    call.countedFrom = call.user?.takeDue() ?? call.began;
    call.request = request;
    call.token = this._recorder.begin(request.name || this._endpoint(request.method, call.template));
  }

  // METHOD and path without query, templates shown as {id}.
  _endpoint(method, template) {
    const step = `${method} ${template}`;
    let name = this._names.get(step);
    if (name === undefined) this._names.set(step, (name = `${method} ${pathOf(template)}`));
    return name;
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

  // Artillery is done with the step, for good or with `error`.
  _settle(call, error) {
    if (call.token === null) {
      this._calls.delete(call.id);
      return; // nothing was sent: a condition, or a hook that broke
    }
    if (!this._calls.delete(call.id)) return;
    if (!call.finishedAt) {
      if (error) this._users.tell(call.user, error);
      if (call.expired) this._end(call, monotonic(), 'timeout', LATE);
      else this._end(call, monotonic(), error ? classify(error) : 'other', wordsOf(error ?? 'the answer was not complete'));
      return;
    }
    if (error && isCheck(error)) {
      this._users.tell(call.user, error);
      call.complaint ||= wordsOf(error);
    }
    this._answer(call);
  }

  // By its answer, as far as it came.
  _answer(call) {
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
    this._recorder.end(call.token, {
      us: Math.max(0, Math.trunc((at - countedFrom) * 1e6)),
      error,
      ttfbUs: response === null ? null : Math.max(0, Math.trunc((call.firstByteAt - countedFrom) * 1e6)),
      size: call.bytes,
      rateLimited,
      status: response?.statusCode ?? null,
      message: rateLimited ? limitHeaders(Object.entries(response.headers)) : message,
      held: () => secretsHeld(call),
    });
  }

  // Requests whose answer takes longer than the scenario allows (Artillery's own timeout ends with the headers), and answers that
  // hooks of the script still work on.
  look(now) {
    for (const call of this._calls.values()) {
      if (call.finishedAt) {
        if (now - call.finishedAt > SETTLE_S && !call.expects) {
          this._calls.delete(call.id);
          this._answer(call);
        }
      } else if (call.response !== null && now - call.began > this._plan.timeout_s) {
        call.expired = true;
        call.response.destroy();
      }
    }
  }

  // The virtual user has ended, or the load has: answers that were complete count, the rest will never be told.
  forget(user) {
    for (const call of this._calls.values()) {
      if (call.user !== user) continue;
      this._calls.delete(call.id);
      if (call.token === null) continue;
      if (call.finishedAt) this._answer(call);
      else this._recorder.abandon(call.token);
    }
  }
}

// What headers hold that were sent and came back.
function secretsHeld({ request, response }) {
  const headers = [...Object.entries(request?.headers ?? {}), ...Object.entries(response?.headers ?? {})];
  return credentials(headers.flatMap(([name, value]) => [value].flat().map((each) => [name, String(each)])));
}

function pathOf(url) {
  const path = String(url).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*|^\{\{[^}]*\}\}(?=\/)/i, '').split(/[?#]/, 1)[0];
  return path.replace(/\{\{\s*\$?([^}]*?)\s*\}\}/g, '{$1}') || '/';
}
