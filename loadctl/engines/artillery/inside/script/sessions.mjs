// Requests of WebSocket and Socket.IO scenarios: connecting is a request, and so is every step that waits for an answer. A message
// that nobody answers has no latency, so it is only counted, by Artillery's own counters.

import { monotonic } from '../load/clock.mjs';
import { classify, messageOf } from './failure.mjs';

const MESSAGES = new Map([
  ['websocket.messages_sent', 'messages sent over WebSocket'],
  ['websocket.messages_received', 'messages received over WebSocket'],
  ['socketio.emit', 'events emitted over Socket.IO'],
]);

export class Sessions {
  // `users`: those of users.mjs.
  constructor(users) {
    this.heard = new WeakSet();
    this._users = users;
    this._open = new Set();
    this._messages = new Map();
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
      const message = send ?? wait;
      const answered = typeof message === 'object' && message !== null && ('capture' in message || 'match' in message);
      return answered ? `websocket ${send === undefined ? 'wait' : 'send'}` : null;
    });
  }

  wrapSocketIo({ default: Engine }) {
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

  // `nameOf(spec)`: the name of the request that a step makes, or null.
  _wrapSteps(Engine, nameOf) {
    this._users.wrapSteps(Engine, this, (engine, spec, options, make) => {
      const step = make(options);
      const name = nameOf(spec);
      if (name === null) return step;
      return (context, callback) => {
        const exchange = this._begin(name, this._users.userOf(context));
        step(context, (error, after) => {
          this._end(exchange, error);
          callback(error, after);
        });
      };
    });
  }

  _begin(name, user) {
    const began = monotonic();
    const exchange = { user, began, countedFrom: user?.takeDue() ?? began, token: this._users.recorder.begin(name) };
    this._open.add(exchange);
    return exchange;
  }

  _end(exchange, error) {
    if (error) this._users.markCounted(exchange.user, error);
    if (!this._open.delete(exchange)) return;
    const us = Math.trunc((monotonic() - exchange.countedFrom) * 1e6);
    this._users.recorder.end(exchange.token, error ? { us, error: classify(error), message: messageOf(error) } : { us });
  }

  listen(ee) {
    ee.on('counter', (name, value) => {
      if (MESSAGES.has(name)) this._messages.set(name, (this._messages.get(name) ?? 0) + value);
    });
  }

  // Fail what has waited too long for an answer; Artillery itself would wait for ever.
  expire(now) {
    for (const exchange of this._open) {
      if (now - exchange.began > this._users.plan.timeout_s) this._end(exchange, Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    }
  }

  // The virtual user has ended: the outcome of what it waited for will never be known.
  forget(user) {
    for (const exchange of this._open) {
      if (exchange.user === user && this._open.delete(exchange)) this._users.recorder.abandon(exchange.token);
    }
  }

  // Note how many messages there were.
  noteMessages() {
    const counts = [...this._messages].map(([name, count]) => `${count} ${MESSAGES.get(name)}`);
    if (counts.length) this._users.recorder.note(`${counts.join(', ')}: those that wait for no answer have no latency and are not counted as requests`);
  }
}
