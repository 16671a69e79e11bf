// The HTTP client of one user: connections by origin, cookies, redirects, unpacking. It never sends a request twice.

import { domainToASCII } from 'node:url';
import { monotonic } from '../load/clock.mjs';
import { Connection } from './connection.mjs';
import { ACCEPTED, unpacked } from './content.mjs';
import { complaint } from './consent.mjs';
import { Jar } from './cookies.mjs';
import { Failed, ValueError, beginning } from './failure.mjs';
import { makeOrigin } from './network.mjs';

const REDIRECTS_MAX = 10;
export const KEEP_FOR_EXAMPLES = 65536;
export const KEEP_TO_READ = 32 << 20;
const CONNECTIONS_MAX = 8;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const DEFAULT_HEADERS = [['User-Agent', 'loadctl'], ['Accept', '*/*'], ['Accept-Encoding', ACCEPTED]];
const OF_THE_BODY = ['content-length', 'content-type', 'content-encoding', 'content-language', 'content-location'];
const NONE = Buffer.alloc(0);

// A request ready to be sent, all but its cookies. `headers`: names and values in turn, as text of latin-1 characters, without
// Content-Length. `body` is text (sent as UTF-8) or a Buffer.
export class Outgoing {
  constructor(method, origin, target, headers, body) {
    this.origin = origin;
    this.target = target;
    // The options of undici. Without `reset: false` it closes a connection after HEAD, and after a body where none is usual.
    this.options = { method, path: target, headers, body, reset: false };
  }
}

// Text as it goes over the wire: each UTF-8 byte of what is not ASCII as one character. Throws ValueError.
export function headerValue(text) {
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(text)) throw new ValueError(`a header cannot hold a control character: ${JSON.stringify(beginning(text, 60))}`);
  return /^[\t\x20-\x7e]*$/.test(text) ? text : Buffer.from(text).latin1Slice();
}

// The headers of Outgoing: Host, the defaults that neither `headers` (pairs) nor `later` replace, `headers`.
export function withDefaults(origin, headers, later = []) {
  const given = new Set([...headers, ...later].map(([name]) => name.toLowerCase()));
  const defaults = [['Host', origin.authority], ...DEFAULT_HEADERS].filter(([name]) => !given.has(name.toLowerCase()));
  return [...defaults, ...headers].flat();
}

const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/;
const AUTHORITY = /^(?:([^@]*)@)?(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/;

// Origin, target and the Basic credentials (or null) of an absolute http(s) URL; throws ValueError with a sentence.
export function splitUrl(url) {
  const [, scheme = '', authority = '', rest = ''] = ABSOLUTE.exec(url.replace(/[\t\r\n]/g, '')) ?? [];
  const at = authority.lastIndexOf('@');
  const [, , bracketed = '', port = ''] = AUTHORITY.exec(authority.slice(at + 1)) ?? [];
  const name = bracketed.replace(/^\[|\]$/g, '').toLowerCase();
  const isTls = scheme.toLowerCase() === 'https';
  if (!['http', 'https'].includes(scheme.toLowerCase()) || !name || authority.includes('\\')) throw new ValueError(`not an http or https URL: ${url.slice(0, 200)}`);
  if (Number(port) > 65535) throw new ValueError('Port out of range 0-65535');
  const host = /^[\0-\x7f]*$/.test(name) ? name : domainToASCII(name);
  if (!host) throw new ValueError(`not the name of a host: ${name.slice(0, 200)}`);
  const origin = makeOrigin(isTls, host, Number(port) || (isTls ? 443 : 80));
  const target = encodeTarget(rest.startsWith('/') ? rest : `/${rest}`);
  return { origin, target, credentials: at < 0 ? null : basic(authority.slice(0, at)) };
}

function basic(userInfo) {
  const colon = userInfo.indexOf(':');
  const [user, password] = colon < 0 ? [userInfo, ''] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return `Basic ${Buffer.from(`${unquote(user)}:${unquote(password)}`).toString('base64')}`;
}

const unquote = (text) =>
  text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());

// Path and query as a request line allows them: other characters percent-encoded, no fragment.
export function encodeTarget(target) {
  return target.split('#', 1)[0].replace(/[^A-Za-z0-9!#$%&'()*+,/:;=?@[\]~\-._]+/g, (text) => encodeURIComponent(text.toWellFormed()));
}

export class Client {
  constructor(network) {
    this.jar = new Jar();
    this._network = network;
    this._connections = new Map();
  }

  // The final response to `outgoing`, with at least the first `keep` bytes of its body; rejects with Failed.
  async send(outgoing, timeoutS, keep = KEEP_FOR_EXAMPLES) {
    const deadline = monotonic() + timeoutS;
    let response = await this._exchange(outgoing, deadline, keep);
    if (response.notable) response = await this._follow(outgoing, response, deadline, keep);
    return response;
  }

  _exchange({ origin, target, options }, deadline, keep) {
    const connection = this._connections.get(origin.key) ?? this._connect(origin);
    const more = [];
    if (this.jar.size) {
      const cookies = this.jar.header(origin, target);
      if (cookies) more.push('Cookie', cookies);
    }
    if (connection.proxy !== null) {
      if (connection.proxy.authorization) more.push('Proxy-Authorization', connection.proxy.authorization);
      options = { ...options, path: origin.key + target };
    }
    if (more.length) options = { ...options, headers: [...options.headers, ...more] };
    return connection.exchange(options, deadline, keep);
  }

  _connect(origin) {
    if (this._connections.size >= CONNECTIONS_MAX) this.close();
    const connection = new Connection(origin, this._network);
    this._connections.set(origin.key, connection);
    return connection;
  }

  async _follow(outgoing, response, deadline, keep) {
    let redirects = 0;
    for (;;) {
      for (const line of response.values('set-cookie')) this.jar.store(line, outgoing.origin, outgoing.target);
      const location = response.first('location');
      if (location === undefined || !REDIRECTS.has(response.status)) break;
      redirects += 1;
      if (redirects > REDIRECTS_MAX) throw new Failed('redirect_limit', `more than ${REDIRECTS_MAX} redirects`);
      outgoing = redirected(outgoing, response.status, location, this._network.consent);
      response = await this._exchange(outgoing, deadline, keep);
    }
    const encodings = response.values('content-encoding');
    if (encodings.length && response.body.length && !response.clipped) response.body = unpacked(response.body, encodings);
    return response;
  }

  close() {
    for (const connection of this._connections.values()) connection.close();
    this._connections.clear();
  }
}

// The request that follows a redirect, by the rules of browsers (fetch). Another origin does not get secret headers, and gets a body
// only if somebody agreed to its host; throws Failed.
function redirected(outgoing, status, location, consent) {
  const base = `${outgoing.origin.key}${outgoing.target}`;
  let parts;
  try {
    const wanted = encodeTarget(Buffer.from(location, 'latin1').toString().trim().split('#', 1)[0]);
    parts = splitUrl(new URL(wanted, base).href);
  } catch (error) {
    throw new Failed('protocol', `redirect to ${JSON.stringify(location.slice(0, 200))}: ${error.message}`);
  }
  const { origin, target, credentials } = parts;
  const isElsewhere = origin.key !== outgoing.origin.key;
  let { method, body } = outgoing.options;
  const drop = new Set(isElsewhere ? ['host', 'cookie', ...(consent?.secretHeaders ?? [])] : ['host']);
  if (isElsewhere || credentials) drop.add('authorization');
  if (([301, 302].includes(status) && method === 'POST') || (status === 303 && !['GET', 'HEAD'].includes(method))) {
    method = 'GET';
    body = NONE;
    OF_THE_BODY.forEach((name) => drop.add(name));
  }
  if (consent && body.length && isElsewhere && !consent.names(origin.host)) {
    throw new Failed('host_not_allowed', `a redirect would take the body to ${origin.authority}: ${complaint(origin.host)}`);
  }
  const headers = [];
  for (let at = 0; at < outgoing.options.headers.length; at += 2) {
    const [name, value] = outgoing.options.headers.slice(at, at + 2);
    if (!drop.has(name.toLowerCase())) headers.push(name, value);
  }
  headers.unshift('Host', origin.authority);
  if (credentials) headers.push('Authorization', credentials);
  return new Outgoing(method, origin, target, headers, body);
}
