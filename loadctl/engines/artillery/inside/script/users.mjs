// The virtual users of a script: Artillery's own, each observed from its start to its end.
//
// They are observed by wrapping `createScenario` of Artillery's engines, which makes the function that runs a virtual user, and
// `step`, which makes each of its steps. These are private to Artillery, so their presence is checked at the start, and a version
// without them is refused.

import { pathToFileURL } from 'node:url';
import { monotonic } from '../load/clock.mjs';
import { StopSignal } from '../load/load.mjs';
import { classify, faultOf } from './failure.mjs';
import { Http } from './http.mjs';
import { Sessions } from './sessions.mjs';

export const ARTILLERY_ENGINES = { http: 'engine_http', ws: 'engine_ws', socketio: 'engine_socketio' };
export const LOADCTL = 'loadctl';
// In the context of a virtual user, which engines copy.
const USER = Symbol('loadctl');

class VirtualUser {
  constructor(due, finish) {
    this.finish = finish; // tells Artillery that it has ended
    this.countedError = undefined;
    this.sent = false; // a request
    this._due = due;
  }

  // Called at each request. The time from which the first one's latency counts; null for all others.
  takeDue() {
    this.sent = true;
    const due = this._due;
    this._due = null;
    return due;
  }
}

let current = null;

// The users of the script in this worker, for the engine `loadctl`, which Artillery creates.
export function usersOfScript() {
  if (current === null) throw new Error('before: and after: of a script run on an engine of Artillery and cannot use the engine loadctl');
  return current;
}

export class Users {
  // `ended(sent)` is called when a virtual user has ended, with whether it sent a request; `broke(error)` when an engine cannot begin.
  // `file` is named for errors that tell no place.
  constructor({ plan, recorder, file, ended, broke }) {
    this.signal = new StopSignal();
    this.starting = null;
    this.plan = plan;
    this.recorder = recorder;
    this._released = false;
    this._ended = ended;
    this._file = file;
    this._broke = broke;
    this._everyone = new Set();
    this._begun = 0;
    this._nextDue = null;
    this._counted = new WeakSet();
    this._http = new Http(this);
    this.sessions = new Sessions(this);
    current = this;
  }

  get active() {
    return this._everyone.size;
  }

  userOf(context) {
    return context?.[USER] ?? null;
  }

  // Wrap Artillery's engines; throws where something to wrap is missing. `engines`: those that the script's config names.
  async install(engines) {
    for (const [kind, file] of Object.entries(ARTILLERY_ENGINES)) {
      const module = await this._import(`core/${file}`);
      const { prototype } = module.default ?? {};
      this._need(kind, prototype, ['createScenario', 'step']);
      this._wrapScenarios(kind, prototype);
      if (kind === 'http') this._http.wrap(module);
      if (kind === 'ws') {
        this._need(kind, module._deps, ['WebSocket']);
        this.sessions.wrapWebSocket(module);
      }
      if (kind === 'socketio') {
        this._need(kind, prototype, ['loadContextSocket']);
        this.sessions.wrapSocketIo(module);
      }
    }
    for (const kind of engines.filter((name) => !(name in ARTILLERY_ENGINES))) await this._installOther(kind);
  }

  _import(name) {
    return import(pathToFileURL(`${this.plan.artillery.package}/dist/lib/${name}.js`).href);
  }

  // Of an engine that is not part of Artillery only the virtual users can be observed. Artillery reports one that cannot be loaded.
  async _installOther(kind) {
    const { resolveBuiltinPackage } = await this._import('builtin-packages');
    let module;
    try {
      module = await import(pathToFileURL(resolveBuiltinPackage(`artillery-engine-${kind}`)).href);
    } catch {
      return;
    }
    const { prototype } = module.default ?? module;
    this._need(kind, prototype, ['createScenario']);
    this._wrapScenarios(kind, prototype);
    this._wrapInit(prototype);
  }

  // Artillery goes on without a worker whose engine failed to begin.
  _wrapInit(prototype) {
    const original = prototype.init;
    if (original?.constructor.name !== 'AsyncFunction') return; // Artillery calls no other
    const broke = this._broke;
    prototype.init = async function () {
      await original.call(this).catch(broke);
    };
  }

  _need(kind, owner, names) {
    const missing = names.find((name) => typeof owner?.[name] !== 'function');
    if (missing) throw new Error(`the engine ${kind} of Artillery ${this.plan.artillery.version} has no ${missing} that loadctl could observe`);
  }

  _wrapScenarios(kind, prototype) {
    const users = this;
    const original = prototype.createScenario;
    prototype.createScenario = function (spec, ee) {
      const live = original.call(this, spec, ee);
      return (context, callback) => users._live(kind, spec, live, context, callback);
    };
  }

  // `build(engine, spec, options, make)` builds each step of an engine; `make(options)` is how Artillery does. When the load is over no
  // step begins any more. `observer.listen(ee)` is called once for each emitter.
  wrapSteps({ prototype }, observer, build) {
    const { signal } = this;
    const original = prototype.step;
    prototype.step = function (spec, ee, options) {
      if (!observer.heard.has(ee)) observer.listen(ee);
      observer.heard.add(ee);
      const step = build(this, spec, options, (changed) => original.call(this, spec, ee, changed));
      return (context, callback) => (signal.stopped ? undefined : step(context, callback));
    };
  }

  // Run `arrive`, which starts a virtual user at once; returns whether it did. `due`: when it was due, or null.
  start(arrive, due) {
    this._nextDue = due;
    const before = this._begun;
    arrive();
    return this._begun > before;
  }

  expire(now) {
    this._http.expire(now);
    this.sessions.expire(now);
  }

  // This error belongs to a request that has been recorded.
  markCounted(user, error) {
    if (typeof error === 'object' && error !== null) this._counted.add(error);
    else if (user) user.countedError = error;
  }

  // After the bye: the remaining users end, as far as Artillery knows.
  release() {
    this._released = true;
    for (const user of [...this._everyone]) user.finish(null);
  }

  _live(kind, spec, live, context, callback) {
    const began = monotonic();
    let after = context;
    let over = false;
    const user = new VirtualUser(this._nextDue, (error) => {
      if (over) return;
      over = true;
      this._end(user, error, session, began);
      callback(error, after);
    });
    context[USER] = user;
    this._nextDue = null;
    this._begun += 1;
    this._everyone.add(user);
    const seenInside = kind in ARTILLERY_ENGINES || kind === LOADCTL; // its requests are recorded one by one
    const session = seenInside ? null : this.recorder.begin(`${kind} ${spec.name ?? 'session'}`);
    this.starting = user;
    try {
      live(context, (error, left) => {
        after = left;
        user.finish(error);
      });
    } finally {
      this.starting = null;
    }
  }

  _end(user, error, session, began) {
    this._everyone.delete(user);
    if (this._released) return;
    if (session) this._endSession(session, error, began);
    else if (error && error !== user.countedError && !this._counted.has(error)) this.recorder.fault(this._describe(error));
    this._http.forget(user);
    this.sessions.forget(user);
    this.recorder.turn();
    this._ended(user.sent || session !== null);
  }

  _describe(error) {
    const { message, where } = faultOf(error, this.plan.artillery.package, this._file);
    return where ? `${message} (${where})` : message;
  }

  // A session of an engine that is not part of Artillery counts as one request, from its start to its end.
  _endSession(session, error, began) {
    const us = Math.trunc((monotonic() - began) * 1e6);
    this.recorder.end(session, error ? { us, error: classify(error), message: this._describe(error) } : { us });
  }
}
