// One keep-alive connection of one user to one origin: one request in flight, none sent twice.

import { monotonic } from './clock.mjs';
import { Failed, failedTalking } from './failure.mjs';
import { Reader } from './response.mjs';

// Bytes that may come without one of the body among them: the limit of heads, trailers and floods of 1xx.
const QUIET_MAX = 65536;
// A connection idle for longer may have been closed by the server: look before sending.
const LOOK_AFTER_S = 0.001;

// `deadline`: when the request in flight is overdue, on the monotonic clock; Infinity between requests.
export class Connection {
  constructor(origin, network, watchdog) {
    this.origin = origin;
    // That is spoken to in the place of the system; through TLS it only passes bytes on.
    this.proxy = origin.tls ? null : network.proxy(origin);
    this.deadline = Infinity;
    this._network = network;
    this._watchdog = watchdog;
    this._socket = null;
    this._session = undefined;
    this._reader = null;
    this._idleSince = 0;
    this._resolve = this._reject = null;
    this._take = (socket, chunk) => this._onData(socket, chunk);
  }

  // Send `data` (Buffer or text), the whole request, and read the response; of its body, `keep` bytes. Rejects with Failed.
  exchange(data, isHead, deadline, keep) {
    const isFresh = this._socket !== null && monotonic() - this._idleSince <= LOOK_AFTER_S;
    return isFresh ? this._talk(data, isHead, deadline, keep) : this._talkLater(data, isHead, deadline, keep);
  }

  async _talkLater(data, isHead, deadline, keep) {
    // The end of the stream, or bytes that nobody asked for, are met while the loop turns once.
    if (this._socket !== null) await new Promise(setImmediate);
    if (this._socket === null) await this._open(deadline);
    return this._talk(data, isHead, deadline, keep);
  }

  _talk(data, isHead, deadline, keep) {
    return new Promise((resolve, reject) => {
      this._resolve = resolve;
      this._reject = reject;
      this._reader = new Reader(isHead, keep);
      this.deadline = deadline;
      if (deadline < this._watchdog.lookAt) this._watchdog.lookBefore(deadline);
      this._socket.write(data);
    });
  }

  async _open(deadline) {
    const socket = await this._network.open(this.origin, deadline, this._session, this._take);
    this._socket = socket;
    this._watchdog.connections.add(this);
    socket.on('end', () => this._onEnd(socket));
    socket.on('error', (error) => this._onError(socket, error));
    socket.on('close', () => this._onEnd(socket));
    if (this.origin.tls) this._keepSession(socket);
  }

  // Up to TLS 1.2 the session was there before the handshake ended; since 1.3 it comes when the server likes.
  _keepSession(socket) {
    if (socket.getProtocol() !== 'TLSv1.3') this._session = socket.getSession();
    socket.on('session', (session) => (this._session = session));
  }

  _onData(socket, chunk) {
    if (socket !== this._socket) return;
    const reader = this._reader;
    if (reader === null) {
      this.close(); // nobody asked
      return;
    }
    try {
      reader.feed(chunk);
    } catch (error) {
      this._fail(error);
      return;
    }
    if (reader.done) this._finish();
    else if (reader.quiet > QUIET_MAX) this._fail(new Failed('protocol', `more than ${QUIET_MAX} bytes of headers`));
  }

  _onEnd(socket) {
    if (socket !== this._socket) return;
    if (this._reader === null) this.close();
    else if (this._reader.end()) this._finish();
    else this._fail(new Failed('reset', 'the connection was closed before the response was complete'));
  }

  _onError(socket, error) {
    if (socket !== this._socket) return;
    if (this._reader === null) this.close();
    else this._fail(failedTalking(error));
  }

  _finish() {
    const reader = this._reader;
    const resolve = this._resolve;
    this.deadline = Infinity;
    this._reader = this._resolve = this._reject = null;
    this._idleSince = reader.response.finishedAt;
    if (!reader.keepAlive) this.close();
    if (this._socket?.writableLength > 0) this._afterWriting(this._socket, () => resolve(reader.response));
    else resolve(reader.response);
  }

  // With TLS an answer may come before the word that the request was written. What is unwritten a turn of the loop
  // later belongs to a request that was answered before it was read.
  _afterWriting(socket, done) {
    setImmediate(() => {
      if (socket === this._socket && socket.writableLength > 0) this.close();
      done();
    });
  }

  _fail(failure) {
    const reject = this._reject;
    this._reader = this._resolve = this._reject = null;
    this.close();
    reject(failure);
  }

  // The time of the request is over.
  expire() {
    if (this._reader !== null) this._fail(new Failed('timeout', 'no complete response in time'));
  }

  close() {
    const socket = this._socket;
    this.deadline = Infinity;
    if (socket === null) return;
    this._socket = null;
    this._watchdog.connections.delete(this);
    socket.destroy();
  }
}
