// The connection of one user to one origin: undici's client with one request in flight, none sent twice.

import { monotonic } from '../load/clock.mjs';
import { Failed } from './failure.mjs';
import { HttpClient } from './libraries.mjs';
import { Response } from './response.mjs';

const SETTINGS = {
  pipelining: 1,
  allowH2: false,
  maxHeaderSize: 65536,
  // The timeout of a request covers all of it; the connection enforces it.
  headersTimeout: 0,
  bodyTimeout: 0,
  // Users pause for as long as the scenario says. Where a server announces when it closes (Keep-Alive: timeout=), the connection is
  // closed a little earlier.
  keepAliveTimeout: 2 ** 31 - 1,
  keepAliveMaxTimeout: 2 ** 31 - 1,
  keepAliveTimeoutThreshold: 200,
};

export class Connection {
  constructor(origin, network) {
    this.origin = origin;
    // The proxy that is spoken to in place of the system; for TLS it only passes bytes on.
    this.proxy = origin.tls ? null : network.proxy(origin);
    this.socket = null;
    this.session = undefined; // of TLS, resumed by the next connection
    this.resolvesName = false;
    this._deadline = Infinity; // of the request in flight
    this._nextCheck = Infinity;
    this._timer = null;
    this._response = null;
    this._isOpening = false;
    const connect = (_, done) => this._open(network).then((socket) => done(null, socket), done);
    // undici only speaks HTTP: TLS and its names are the network's.
    this._client = new HttpClient(`http://${origin.authority}`, { ...SETTINGS, connect });
  }

  // Send a request (undici's options) and read the response; of its body, `keep` bytes. Rejects with Failed.
  exchange(options, deadline, keep) {
    return new Promise((resolve, reject) => {
      this._response = new Response(this, keep, resolve, reject);
      this._deadline = deadline;
      if (deadline < this._nextCheck) this._checkAt(deadline);
      this._client.dispatch(options, this._response);
    });
  }

  async _open(network) {
    this._isOpening = true;
    try {
      return await network.open(this);
    } finally {
      this._isOpening = false;
    }
  }

  // The response calls it when it is over.
  settled() {
    this._deadline = Infinity;
  }

  // One timer serves many requests: it is set again only when it fires.
  _checkAt(deadline) {
    this._nextCheck = deadline;
    clearTimeout(this._timer);
    // Whatever arrived while this process was busy is read before the time is over.
    this._timer = setTimeout(() => setImmediate(() => this._check()), Math.max(1, Math.ceil((deadline - monotonic()) * 1000))).unref();
  }

  _check() {
    this._nextCheck = Infinity;
    if (this._deadline <= monotonic()) this._expire();
    else if (this._deadline < Infinity) this._checkAt(this._deadline);
  }

  _expire() {
    this._deadline = Infinity;
    if (this._response.sent) this._response.fail(this._overdue());
    else this.socket.destroy(this._overdue()); // a request that waits for its socket ends with it
  }

  _overdue() {
    const { host, port } = this.origin;
    if (!this._isOpening) return new Failed('timeout', 'no complete response in time');
    if (this.resolvesName) return new Failed('dns', `the name ${host} was not resolved in time`);
    return new Failed('connect_timeout', `no connection to ${host}:${port} in time`);
  }

  close() {
    this._deadline = Infinity;
    clearTimeout(this._timer);
    this._client.destroy(() => {});
  }
}
