// The connection of one user to one origin: undici's client with one request in flight, none sent twice.

import { Failed } from './failure.mjs';
import { HttpClient, readAsTheStandardSays } from './libraries.mjs';
import { Response } from './response.mjs';

const SETTINGS = {
  pipelining: 1,
  allowH2: false,
  maxHeaderSize: 65536,
  // The request's own timeout is for all of it, and the watchdog keeps it.
  headersTimeout: 0,
  bodyTimeout: 0,
  // Users pause for as long as the scenario says. A server that announces when it closes (Keep-Alive: timeout=) is left a little earlier.
  keepAliveTimeout: 2 ** 31 - 1,
  keepAliveMaxTimeout: 2 ** 31 - 1,
  keepAliveTimeoutThreshold: 200,
};

// `deadline`: when the request in flight is overdue, on the monotonic clock; Infinity between requests.
export class Connection {
  constructor(origin, network, watchdog) {
    this.origin = origin;
    // That is spoken to in the place of the system; through TLS it only passes bytes on.
    this.proxy = origin.tls ? null : network.proxy(origin);
    this.deadline = Infinity;
    this.socket = null;
    this.session = undefined; // of TLS, taken up again by the next connection
    this.waitsForName = false;
    this._watchdog = watchdog;
    this._response = null;
    this._isOpening = false;
    const connect = (_, done) => this._open(network).then((socket) => done(null, socket), done);
    // undici only speaks HTTP: TLS and its names are the network's.
    this._client = new HttpClient(`http://${origin.authority}`, { ...SETTINGS, connect });
    watchdog.connections.add(this);
  }

  // Send a request (undici's options) and read the response; of its body, `keep` bytes. Rejects with Failed.
  exchange(options, deadline, keep) {
    return new Promise((resolve, reject) => {
      this._response = new Response(this, keep, resolve, reject);
      this.deadline = deadline;
      if (deadline < this._watchdog.lookAt) this._watchdog.lookBefore(deadline);
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

  // What the response says: its request goes out on a socket; it is over.
  taken() {
    readAsTheStandardSays(this.socket);
  }

  settled() {
    this.deadline = Infinity;
  }

  // The time of the request is over.
  expire() {
    this.deadline = Infinity;
    if (this._response.sent) this._response.fail(this._overdue());
    else this.socket.destroy(this._overdue()); // a request that waits for its socket ends with it
  }

  _overdue() {
    const { host, port } = this.origin;
    if (!this._isOpening) return new Failed('timeout', 'no complete response in time');
    if (this.waitsForName) return new Failed('dns', `the name ${host} was not resolved in time`);
    return new Failed('connect_timeout', `no connection to ${host}:${port} in time`);
  }

  close() {
    this.deadline = Infinity;
    this._watchdog.connections.delete(this);
    this._client.destroy(() => {});
  }
}
