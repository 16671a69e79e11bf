// A response while it arrives. undici calls the methods that begin with `on`; an invalid response rejects with Failed.

import { monotonic } from '../load/clock.mjs';
import { Failed, STALE, failedTalking } from './failure.mjs';
import { followTheStandard } from './libraries.mjs';

const NONE = Buffer.alloc(0);
// More interim responses (1xx) than this are an error.
const INTERIM_MAX = 1000;
const NOTABLE = new Set(['set-cookie', 'location', 'content-encoding']);
const NOTABLE_LENGTHS = new Set([...NOTABLE].map((name) => name.length));

// Header values are latin-1 text, times monotonic seconds. `body` holds only the first bytes (`clipped`) where there were more than
// asked for; `size` counts all. `notable`: there are headers that the client acts on.
export class Response {
  // `link`: {socket, settled()}, the connection; `keep`: how many bytes of the body are kept.
  constructor(link, keep, resolve, reject) {
    this.status = 0;
    this.notable = false;
    this.body = NONE;
    this.size = 0;
    this.clipped = false;
    this.firstByteAt = 0;
    this.finishedAt = 0;
    this._raw = null;
    this._headers = null;
    this._interim = 0;
    this._pieces = [];
    this._kept = 0;
    this._link = link;
    this._keep = keep;
    this._resolve = resolve;
    this._reject = reject;
    this._abort = null;
    this._began = 0; // bytes that earlier responses had on the connection
  }

  // Pairs of name (in lower case) and value, in the order in which they arrived.
  get headers() {
    const pair = (_, n) => [this._raw[2 * n].latin1Slice().toLowerCase(), this._raw[2 * n + 1].latin1Slice()];
    return (this._headers ??= Array.from({ length: this._raw.length / 2 }, pair));
  }

  // All values of a header; `name` in lower case.
  values(name) {
    return this.headers.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }

  // The first value of a header; no other header is decoded.
  first(name) {
    for (let at = 0; at < this._raw.length; at += 2) {
      if (this._raw[at].length === name.length && this._raw[at].latin1Slice().toLowerCase() === name) return this._raw[at + 1].latin1Slice();
    }
    return undefined;
  }

  get sent() {
    return this._abort !== null;
  }

  // Give up waiting for the rest of it.
  fail(failure) {
    this._link.settled();
    this._reject(failure);
    this._abort(failure);
  }

  onConnect(abort) {
    this._abort = abort;
    this._began = this._link.socket.bytesRead;
    followTheStandard(this._link.socket);
  }

  onHeaders(status, headers) {
    if (status < 200) {
      this._interim += 1;
      if (status === 101) throw new Failed('protocol', 'not a valid HTTP/1.1 response: it switches protocols');
      if (this._interim > INTERIM_MAX) throw new Failed('protocol', `more than ${INTERIM_MAX} interim responses`);
      return true;
    }
    this.firstByteAt = monotonic();
    this.status = status;
    this._raw = headers;
    for (let at = 0; at < headers.length; at += 2) {
      if (NOTABLE_LENGTHS.has(headers[at].length) && NOTABLE.has(headers[at].latin1Slice().toLowerCase())) this.notable = true;
    }
    return true;
  }

  onData(chunk) {
    if (this._kept < this._keep) {
      this._pieces.push(chunk);
      this._kept += chunk.length;
    }
    this.size += chunk.length;
    return true;
  }

  onComplete() {
    const { errored } = this._link.socket;
    if (errored) return this.onError(errored); // a body without a length has no end where the connection was reset
    this.finishedAt = monotonic();
    this.body = this._pieces.length === 1 ? this._pieces[0] : this._pieces.length ? Buffer.concat(this._pieces) : NONE;
    this.clipped = this.size > this.body.length;
    this._link.settled();
    this._resolve(this);
  }

  onError(error) {
    this._link.settled();
    const failed = failedTalking(error, this.status === 0);
    const isStale = failed.errorClass === 'reset' && this._began !== 0 && this._link.socket.bytesRead === this._began;
    this._reject(isStale ? new Failed('reset', STALE, true) : failed);
  }
}
