// A response, read from the bytes of one connection: HTTP/1.0 and 1.1, as strict as llhttp.
//
// Node's own client is not used: it adds header lines, chooses the connection itself, and cannot look at one before it sends.

import { Failed } from './failure.mjs';
import { monotonic } from './clock.mjs';

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [^\r]*)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex
const NOT_IN_VALUES = /[\0-\x08\x0a-\x1f\x7f]/;
// eslint-disable-next-line no-control-regex
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;[^\0-\x08\x0a-\x1f\x7f]*)?$/;
// What lines may be before their ends have come.
const BEGUN_CHUNK = /^[0-9A-Fa-f]{1,13}[ \t]*(?:;[^]*)?\r?$/;
// eslint-disable-next-line no-control-regex
const BEGUN_FIELD = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[^\0-\x08\x0a-\x1f\x7f]*)?)?\r?$/;
const CHUNKED = /(^|,)[ \t]*chunked[ \t]*$/;
const NAMES_MAX = 1000;
const NONE = Buffer.alloc(0);
const LF = 10;
const CR = 13;
const HEAD_MAX = 65536;

const says = (value, word) => value !== null && value.toLowerCase().split(',').some((said) => said.trim() === word);

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

// Names of header fields as they came, to lower case; null for what is none. A server says the same few again and again.
const names = new Map();

function lowerCased(name) {
  let lower = names.get(name);
  if (lower === undefined) {
    lower = TOKEN.test(name) ? name.toLowerCase() : null;
    if (names.size < NAMES_MAX) names.set(name, lower);
  }
  return lower;
}

function withoutBlanks(value) {
  const last = value.charCodeAt(value.length - 1);
  const first = value.charCodeAt(0);
  return first <= 32 || last <= 32 ? value.replace(/^[ \t]+|[ \t]+$/g, '') : value;
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
    this._announced = false; // a header line said where the body ends
  }

  // `data` is the caller's again afterwards. Throws Failed for what is no HTTP.
  feed(data) {
    this.quiet += data.length;
    let at = 0;
    while (at < data.length && !this.done) at = this._read(data, at);
    while (data[at] === CR || data[at] === LF) at += 1; // some servers end a body with a line end of their own
    if (at < data.length) {
      this.trailing = true;
      this.keepAlive = false;
    }
  }

  // The stream has ended. True: that was the end of the response, whose length nothing announced.
  end() {
    if (this._read !== this._untilClosed || this._announced) return false;
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
      const returns = this._partial.indexOf(CR);
      if (returns >= 0 && returns < this._partial.length - 1) throw wrong('a line does not end with CR LF');
      return undefined;
    }
    this._at = end + 1;
    let line = data.latin1Slice(at, end);
    if (this._partial) {
      line = this._partial.latin1Slice() + line;
      this._partial = null;
    }
    if (line.charCodeAt(line.length - 1) !== CR) throw wrong('a line does not end with CR LF');
    return line.slice(0, -1);
  }

  _statusLine(data, at) {
    while (this._partial === null && (data[at] === CR || data[at] === LF)) at += 1;
    if (at === data.length) return at;
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
    if (line === undefined) return this._begun(BEGUN_FIELD, 'a header line');
    if (line === '') {
      this._headersComplete();
      return this._at;
    }
    this.response.headers.push(this._field(line));
    return this._at;
  }

  _field(line) {
    const colon = line.indexOf(':');
    const name = lowerCased(line.slice(0, Math.max(0, colon)));
    const value = withoutBlanks(line.slice(colon + 1));
    if (name === null || NOT_IN_VALUES.test(value)) throw wrong(`a header line is ${JSON.stringify(line.slice(0, 60))}`);
    return [name, value];
  }

  // What can become no such line is none, whether its end comes or not.
  _begun(pattern, what) {
    const begun = this._partial.latin1Slice();
    if (!pattern.test(begun)) throw wrong(`${what} begins with ${JSON.stringify(begun.slice(0, 60))}`);
    return this._at;
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
    let size = 0;
    let length = null;
    let encodings = null;
    let said = null;
    for (const [name, value] of headers) {
      size += name.length + value.length + 4;
      if (name === 'content-length') {
        if (length !== null) throw wrong('it has several Content-Lengths');
        length = value;
      } else if (name === 'transfer-encoding') encodings = encodings ? `${encodings},${value}` : value;
      else if (name === 'connection' || name === 'proxy-connection') said = said ? `${said},${value}` : value;
      else if (name === 'set-cookie' || name === 'content-encoding' || name === 'location') response.notable = true;
    }
    if (size > HEAD_MAX) throw wrong('the head is too large');
    if (length !== null && !/^[0-9]{1,15}$/.test(length)) throw wrong(`its Content-Length is ${JSON.stringify(length.slice(0, 40))}`);
    if (length !== null && encodings) throw wrong('it has Content-Length and Transfer-Encoding');
    this.keepAlive = this._minor === 1 ? !says(said, 'close') : says(said, 'keep-alive');
    this._announced = length !== null || encodings !== null;
    if (this._isHead || status === 204 || status === 304) this._complete();
    else if (encodings && CHUNKED.test(encodings.toLowerCase())) this._read = this._chunkLine;
    else if (encodings || length === null) this._read = this._untilClosed;
    else this._expect(Number(length));
  }

  _expect(length) {
    this._left = length;
    this._read = this._counted;
    if (length === 0) this._complete();
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
    if (line === undefined) return this._begun(BEGUN_CHUNK, 'a chunk');
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
    if (line === undefined) return this._begun(BEGUN_FIELD, 'a header line');
    if (line === '') this._complete();
    else this._field(line);
    return this._at;
  }

  _body(data, from, to) {
    this.quiet = 0;
    if (this._kept < this._keep) {
      this._pieces.push(Buffer.from(data.subarray(from, to)));
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
