// WebSocket and Socket.IO scenarios, counted as what they are: connecting is a request, and so is every step that waits for an
// answer; a message that nobody answers has no latency, so it is only counted, by Artillery's own words.

import { monotonic } from '../load/clock.mjs';
import { classify, wordsOf } from './failure.mjs';

const MESSAGES = new Map([
  ['websocket.messages_sent', 'messages sent over WebSocket'],
  ['websocket.messages_received', 'messages received over WebSocket'],
  ['socketio.emit', 'events emitted over Socket.IO'],
]);

export class Sessions {
  // `users`: {userOf(context), starting, parked, tell(user, error)}.
  constructor({ plan, recorder, users }) {
    this._plan = plan;
    this._recorder = recorder;
    this._users = users;
    this._open = new Set();
    this._messages = new Map();
    this._heard = new WeakSet();
  }

  wrapWebSocket({ default: Engine, _deps: parts }) {
    const sessions = this;
    parts.WebSocket = class extends parts.WebSocket {
      constructor(...rest) {
        const { starting } = sessions._users;
        super(...rest);
        const exchange = sessions._begin('websocket connect', starting);
        this.once('open', () => sessions._end(exchange, null));
        this.once('error', (error) => sessions._end(exchange, error));
      }
    };
    this._wrapSteps(Engine, ({ send, wait }) => {
      const asked = send ?? wait;
      const answered = typeof asked === 'object' && asked !== null && ('capture' in asked || 'match' in asked);
      return answered ? `websocket ${send === undefined ? 'wait' : 'send'}` : null;
    });
  }

  wrapSocketIo(Engine) {
    const sessions = this;
    const original = Engine.prototype.loadContextSocket;
    Engine.prototype.loadContextSocket = function (namespace, context, callback) {
      if (context.sockets?.[namespace]) return original.call(this, namespace, context, callback);
      const exchange = sessions._begin(`socketio connect ${namespace}`.trim(), sessions._users.userOf(context));
      return original.call(this, namespace, context, (error, socket) => {
        sessions._end(exchange, error);
        callback(error, socket);
      });
    };
    this._wrapSteps(Engine, ({ emit, response, acknowledge }) =>
      emit && (response || acknowledge) ? `socketio emit ${emit.channel ?? [emit].flat()[0]}` : null,
    );
  }

  // `nameOf(spec)`: of the request that a step is, or null.
  _wrapSteps(Engine, nameOf) {
    const sessions = this;
    const original = Engine.prototype.step;
    Engine.prototype.step = function (spec, ee) {
      sessions._listen(ee);
      const step = original.call(this, spec, ee);
      const name = nameOf(spec);
      return (context, callback) => {
        if (sessions._users.parked) return; // it never goes on
        const exchange = name === null ? null : sessions._begin(name, sessions._users.userOf(context));
        step(context, (error, after) => {
          if (exchange !== null) sessions._end(exchange, error);
          callback(error, after);
        });
      };
    };
  }

  _begin(name, user) {
    const began = (this._users.sentAt = monotonic());
    const exchange = { user, began, countedFrom: user?.takeDue() ?? began, token: this._recorder.begin(name) };
    this._open.add(exchange);
    return exchange;
  }

  _end(exchange, error) {
    if (error) this._users.tell(exchange.user, error);
    if (!this._open.delete(exchange)) return;
    const us = Math.trunc((monotonic() - exchange.countedFrom) * 1e6);
    this._recorder.end(exchange.token, error ? { us, error: classify(error), message: wordsOf(error) } : { us });
  }

  _listen(ee) {
    if (this._heard.has(ee)) return;
    this._heard.add(ee);
    ee.on('counter', (name, value) => {
      if (MESSAGES.has(name)) this._messages.set(name, (this._messages.get(name) ?? 0) + value);
    });
  }

  // An answer that never comes is a failure by then; Artillery itself would wait for ever.
  look(now) {
    for (const exchange of this._open) {
      if (now - exchange.began > this._plan.timeout_s) this._end(exchange, Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    }
  }

  // The virtual user has ended: what it waited for will never be told.
  forget(user) {
    for (const exchange of this._open) {
      if (exchange.user === user && this._open.delete(exchange)) this._recorder.abandon(exchange.token);
    }
  }

  // What was sent without waiting for an answer, for people.
  tellMessages() {
    const told = [...this._messages].map(([name, count]) => `${count} ${MESSAGES.get(name)}`);
    if (told.length) this._recorder.note(`${told.join(', ')}: those that wait for no answer have no latency and are no requests`);
  }
}
