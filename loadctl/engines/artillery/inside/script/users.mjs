// The virtual users of a script: Artillery's own, each seen from its start to its end.
//
// Seen by wrapping `createScenario` of Artillery's engines, which makes the function that lives one virtual user, and `step`, which
// makes each of its steps. Those places are private to Artillery, so they are looked for at the start, and a version without
// them is refused.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { monotonic } from '../load/clock.mjs';
import { SCRIPT_ENDPOINT } from '../recorder/recorder.mjs';
import { classify, faultOf } from './failure.mjs';
import { Http } from './http.mjs';
import { Sessions } from './sessions.mjs';

const OWN = { http: 'engine_http', ws: 'engine_ws', socketio: 'engine_socketio' };
export const LOADCTL = 'loadctl';
// Engines whose requests are seen one by one.
const SEEN_INSIDE = new Set([...Object.keys(OWN), LOADCTL]);
// In the context of a virtual user, which engines copy.
const USER = Symbol('loadctl');

class VirtualUser {
  constructor(due, finish) {
    this.finish = finish; // tells Artillery that it has ended
    this.told = undefined;
    this.sent = false; // a request
    this._due = due;
  }

  // At each request: from when the first one counts; null for all others.
  takeDue() {
    this.sent = true;
    const due = this._due;
    this._due = null;
    return due;
  }
}

let current = null;

// Those of the script in this worker, for the engine `loadctl`, which Artillery makes.
export function usersOfScript() {
  if (current === null) throw new Error('before: and after: of a script run on an engine of Artillery, not on loadctl');
  return current;
}

export class Users {
  // `ended(sent)` is called when a virtual user has ended, which may have sent nothing, `broke(error)` when an engine cannot begin; `file` is named for errors that say
  // no place themselves.
  constructor({ plan, recorder, file, ended, broke }) {
    this.parked = false;
    this.pauses = null; // of those who live on loadctl's engine
    this.starting = null;
    this.sentAt = -Infinity; // the last request
    this._released = false;
    this.plan = plan;
    this.recorder = recorder;
    this._ended = ended;
    this._file = file;
    this._broke = broke;
    this._everyone = new Set();
    this._begun = 0;
    this._nextDue = null;
    this._told = new WeakSet();
    this._http = new Http({ plan, recorder, users: this });
    this._sessions = new Sessions({ plan, recorder, users: this });
    current = this;
  }

  get active() {
    return this._everyone.size;
  }

  userOf(context) {
    return context?.[USER] ?? null;
  }

  // Wrap what is private; throws where it is not there. `engines`: those that the script's config names beside Artillery's own.
  async install(engines) {
    const { package: folder } = this.plan.artillery;
    for (const [kind, file] of Object.entries(OWN)) {
      const module = await import(pathToFileURL(`${folder}/dist/lib/core/${file}.js`).href);
      const { prototype } = module.default ?? {};
      this._need(kind, prototype, ['createScenario', 'step']);
      this._wrapLife(kind, prototype);
      if (kind === 'http') this._http.wrap(module.default);
      if (kind === 'ws') {
        this._need(kind, module._deps, ['WebSocket']);
        this._sessions.wrapWebSocket(module);
      }
      if (kind === 'socketio') {
        this._need(kind, prototype, ['loadContextSocket']);
        this._sessions.wrapSocketIo(module.default);
      }
    }
    for (const kind of engines.filter((name) => !(name in OWN))) await this._installOther(kind);
  }

  // An engine that is no part of Artillery: only its virtual users can be seen. One that cannot be loaded is Artillery's to tell.
  async _installOther(kind) {
    const { resolveBuiltinPackage } = await import(pathToFileURL(`${this.plan.artillery.package}/dist/lib/builtin-packages.js`).href);
    let module;
    try {
      module = await import(pathToFileURL(resolveBuiltinPackage(`artillery-engine-${kind}`)).href);
    } catch {
      return;
    }
    const { prototype } = module.default ?? module;
    this._need(kind, prototype, ['createScenario']);
    this._wrapLife(kind, prototype);
    this._wrapInit(prototype);
  }

  // Artillery goes on without a worker whose engine broke as it began.
  _wrapInit(prototype) {
    const original = prototype.init;
    if (original?.constructor.name !== 'AsyncFunction') return; // it calls no other
    const broke = this._broke;
    prototype.init = async function () {
      await original.call(this).catch(broke);
    };
  }

  _need(kind, owner, names) {
    const missing = names.find((name) => typeof owner?.[name] !== 'function');
    if (missing) throw new Error(`the engine ${kind} of Artillery ${this.plan.artillery.version} has no ${missing} that can be watched`);
  }

  _wrapLife(kind, prototype) {
    const users = this;
    const original = prototype.createScenario;
    prototype.createScenario = function (spec, ee) {
      const live = original.call(this, spec, ee);
      return (context, callback) => users._live(kind, spec, live, context, callback);
    };
  }

  // Run `arrive`, which starts a virtual user at once; whether it did. `due`: from when its first request counts, or null.
  start(arrive, due) {
    this._nextDue = due;
    const before = this._begun;
    arrive();
    return this._begun > before;
  }

  look(now) {
    this._http.look(now);
    this._sessions.look(now);
  }

  // This error belongs to a request that has been counted.
  tell(user, error) {
    if (typeof error === 'object' && error !== null) this._told.add(error);
    else if (user) user.told = error;
  }

  tellMessages() {
    this._sessions.tellMessages();
  }

  isArtillerys(engine) {
    return engine in OWN;
  }

  // No step begins any more.
  park() {
    this.parked = true;
    this.pauses?.stop();
  }

  // After the bye: those who are left have ended, as far as Artillery knows.
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
    const session = SEEN_INSIDE.has(kind) ? null : this.recorder.begin(`${kind} ${spec.name ?? 'session'}`);
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
    else if (error && error !== user.told && !this._told.has(error)) this.recorder.fault(this._words(error), SCRIPT_ENDPOINT);
    this._http.forget(user);
    this._sessions.forget(user);
    this.recorder.turn();
    this._ended(user.sent || session !== null);
  }

  _words(error) {
    const { message, where } = faultOf(error, this.plan.artillery.package, this._file);
    return where ? `${message} (${where})` : message;
  }

  // A session of an engine that is no part of Artillery counts as one request, from its start to its end.
  _endSession(session, error, began) {
    const us = Math.trunc((monotonic() - began) * 1e6);
    this.recorder.end(session, error ? { us, error: classify(error), message: this._words(error) } : { us });
  }
}
