// A response, read from the bytes of one connection: HTTP/1.0 and 1.1, as strict as llhttp.
//
// Node's own client is not used: it adds header lines, chooses the connection itself, and cannot look at one before it sends.

import { Failed } from './failure.mjs';
import { monotonic } from './clock.mjs';

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [^\0\r]*)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex
const NOT_IN_VALUES = /[\0-\x08\x0a-\x1f\x7f]/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;[^\r]*)?$/;
const NOTABLE = new Set(['set-cookie', 'content-encoding', 'location']);
const NONE = Buffer.alloc(0);
const LF = 10;
const HEAD_MAX = 65536;

const wrong = (what) => new Failed('protocol', `not a valid HTTP/1.1 response: ${what}`);

// What a complete response is to its readers: header names in lower case, values as latin-1 text, instants in monotonic seconds.
// `body` holds the first bytes only (`clipped`) where there were more than were asked for; `size` counts them all.
export class Response {
  status = 0;
  headers = [];
  notable = false;
  body = NONE;
  size = 0;
  clipped = false;
  startedAt = 0;
  firstByteAt = 0;
  finishedAt = 0;

  // All values of a header; `name` in lower case.
  values(name) {
    return this.headers.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }

  first(name) {
    return this.headers.find((pair) => pair[0] === name)?.[1];
  }
}

export class Reader {
  // `keep`: how many bytes of the body are kept.
  constructor(isHead, keep) {
    this.response = new Response();
    this.done = false;
    this.keepAlive = false;
    this.trailing = false; // bytes after the end: nobody asked for them
    this.quiet = 0; // bytes since the last one of the body
    this._isHead = isHead;
    this._keep = keep;
    this._read = this._statusLine;
    this._partial = null; // an unfinished line
    this._left = 0;
    this._pieces = [];
    this._kept = 0;
    this._minor = 1;
  }

  // Throws Failed for what is no HTTP.
  feed(data) {
    this.quiet += data.length;
    let at = 0;
    while (at < data.length && !this.done) at = this._read(data, at);
    if (at < data.length) {
      this.trailing = true;
      this.keepAlive = false;
    }
  }

  // The stream has ended. True: that was the end of the response, whose length nothing announced.
  end() {
    if (this._read !== this._untilClosed) return false;
    this.keepAlive = false;
    this._complete();
    return true;
  }

  // One whole line without its end, or undefined: the rest comes later. Sets `_at` behind it.
  _line(data, at) {
    const end = data.indexOf(LF, at);
    if (end < 0) {
      const rest = data.subarray(at);
      this._partial = this._partial ? Buffer.concat([this._partial, rest]) : Buffer.from(rest);
      this._at = data.length;
      return undefined;
    }
    this._at = end + 1;
    let line = data.latin1Slice(at, end);
    if (this._partial) {
      line = this._partial.latin1Slice() + line;
      this._partial = null;
    }
    if (!line.endsWith('\r')) throw wrong('a line does not end with CR LF');
    return line.slice(0, -1);
  }

  _statusLine(data, at) {
    const line = this._line(data, at);
    if (line === undefined) {
      const seen = this._partial.toString('latin1', 0, 5);
      if (!'HTTP/'.startsWith(seen)) throw wrong('it does not begin with HTTP/');
      return this._at;
    }
    const match = STATUS_LINE.exec(line);
    if (!match) throw wrong(`its first line is ${JSON.stringify(line.slice(0, 60))}`);
    this._minor = Number(match[1]);
    this.response.status = Number(match[2]);
    this._read = this._headerLine;
    return this._at;
  }

  _headerLine(data, at) {
    const line = this._line(data, at);
    if (line === undefined) return this._at;
    if (line === '') {
      this._headersComplete();
      return this._at;
    }
    this.response.headers.push(this._field(line));
    return this._at;
  }

  _field(line) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (!TOKEN.test(name) || NOT_IN_VALUES.test(value)) throw wrong(`a header line is ${JSON.stringify(line.slice(0, 60))}`);
    return [name.toLowerCase(), value];
  }

  _headersComplete() {
    const { response } = this;
    const { status, headers } = response;
    if (status < 200) {
      if (status === 101) throw wrong('it switches protocols');
      response.headers = [];
      this._read = this._statusLine;
      return;
    }
    response.firstByteAt = monotonic();
    const size = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
    if (size > HEAD_MAX) throw wrong('the head is too large');
    response.notable = headers.some((pair) => NOTABLE.has(pair[0]));
    const lengths = response.values('content-length');
    const encodings = response.values('transfer-encoding').join(',').toLowerCase();
    const said = response.values('connection').join(',').toLowerCase().split(',').map((word) => word.trim());
    this.keepAlive = this._minor === 1 ? !said.includes('close') : said.includes('keep-alive');
    if (lengths.length > 1) throw wrong('it has several Content-Lengths');
    if (lengths.length && !/^[0-9]{1,15}$/.test(lengths[0])) throw wrong(`its Content-Length is ${JSON.stringify(lengths[0].slice(0, 40))}`);
    if (lengths.length && encodings) throw wrong('it has Content-Length and Transfer-Encoding');
    if (this._isHead || status === 204 || status === 304) this._complete();
    else if (encodings && /(^|,)[ \t]*chunked[ \t]*$/.test(encodings)) this._read = this._chunkLine;
    else if (encodings || !lengths.length) this._read = this._untilClosed;
    else if (lengths[0] === '0' || Number(lengths[0]) === 0) this._complete();
    else {
      this._left = Number(lengths[0]);
      this._read = this._counted;
    }
  }

  _counted(data, at) {
    const end = Math.min(data.length, at + this._left);
    this._body(data, at, end);
    this._left -= end - at;
    if (this._left === 0) this._complete();
    return end;
  }

  _untilClosed(data, at) {
    this._body(data, at, data.length);
    return data.length;
  }

  _chunkLine(data, at) {
    const line = this._line(data, at);
    if (line === undefined) return this._at;
    const match = CHUNK_LINE.exec(line);
    if (!match) throw wrong(`a chunk begins with ${JSON.stringify(line.slice(0, 40))}`);
    this._left = parseInt(match[1], 16);
    this._read = this._left === 0 ? this._trailerLine : this._chunk;
    return this._at;
  }

  _chunk(data, at) {
    const end = Math.min(data.length, at + this._left);
    this._body(data, at, end);
    this._left -= end - at;
    if (this._left === 0) this._read = this._chunkEnd;
    return end;
  }

  _chunkEnd(data, at) {
    const line = this._line(data, at);
    if (line === undefined) {
      if (this._partial.length > 1 || this._partial[0] !== 13) throw wrong('a chunk is longer than it said');
      return this._at;
    }
    if (line !== '') throw wrong('a chunk is longer than it said');
    this._read = this._chunkLine;
    return this._at;
  }

  _trailerLine(data, at) {
    const line = this._line(data, at);
    if (line === undefined) return this._at;
    if (line === '') this._complete();
    else this._field(line);
    return this._at;
  }

  _body(data, from, to) {
    this.quiet = 0;
    if (this._kept < this._keep) {
      this._pieces.push(data.subarray(from, to));
      this._kept += to - from;
    }
    this.response.size += to - from;
  }

  _complete() {
    const { response } = this;
    response.body = this._pieces.length === 1 ? this._pieces[0] : this._pieces.length ? Buffer.concat(this._pieces) : NONE;
    response.clipped = response.size > response.body.length;
    response.finishedAt = monotonic();
    this.done = true;
  }
}
