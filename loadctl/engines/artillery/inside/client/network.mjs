// Opening connections: name resolution, TCP, TLS. A process has one `Network`, shared by all its users.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import tls from 'node:tls';
import { monotonic } from '../load/clock.mjs';
import { Failed, classOfCode, failedConnecting } from './failure.mjs';
import { proxyFor } from './route.mjs';

const NAMES_KEPT_S = 10;
// How long to wait for one of several addresses before the next is tried.
const ATTEMPT_MS = 1000;
const PROXY_HEAD_MAX = 65536;

// Where a connection leads. `host` is a name or an address without brackets, in ASCII; `authority` as in the Host header.
export function makeOrigin(isTls, host, port) {
  const shown = host.includes(':') ? `[${host}]` : host;
  const authority = port === (isTls ? 443 : 80) ? shown : `${shown}:${port}`;
  return Object.freeze({ tls: isTls, host, port, authority, key: `${isTls ? 'https' : 'http'}://${authority}` });
}

// `tls`: {verify, ca, cert}; `ca` replaces the system's certificates; `cert` is a client certificate and its key in one file. `environ` names
// the proxies; `consent` null: every host may be loaded.
export class Network {
  constructor(tls = {}, environ = process.env, consent = null) {
    this.consent = consent;
    this._environ = environ;
    this._tls = { verify: true, ...tls };
    this._context = undefined;
    this._names = new Map();
  }

  // The proxy between us and `origin`, or null; throws Failed.
  proxy(origin) {
    return proxyFor(origin, this._environ);
  }

  // A connected socket for `connection`, its TLS handshake done; rejects with Failed. Meanwhile `connection.socket` is the one
  // to destroy when the time is over.
  async open(connection) {
    const { origin } = connection;
    const proxy = this.proxy(origin);
    if (proxy !== null) this.consent?.need(origin.host);
    let where = proxy === null ? `${origin.host}:${origin.port}` : `the proxy ${proxy.host}:${proxy.port}`;
    try {
      const consent = proxy === null ? this.consent : null;
      const socket = await this._connect(connection, proxy ?? origin, consent);
      if (!origin.tls) return socket;
      if (proxy !== null) {
        await tunnel(socket, origin, proxy);
        where = `${origin.host}:${origin.port}`;
      }
      return await this._secure(socket, connection);
    } catch (error) {
      connection.socket?.destroy();
      throw failedConnecting(error, where);
    }
  }

  async _connect(connection, { host, port }, consent) {
    connection.resolvesName = !net.isIP(host);
    if (!connection.resolvesName) consent?.need(host, host);
    const socket = net.connect({
      host,
      port,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
      lookup: (name, _, done) =>
        this._addresses(name).then((addresses) => {
          connection.resolvesName = false;
          done(null, consent === null ? addresses : consent.among(host, addresses));
        }).catch(done),
    });
    connection.socket = watched(socket);
    await once(socket, 'connect');
    const answered = ({ address }) => Number(address === socket.remoteAddress);
    this._names.get(host)?.addresses.then((all) => all.sort((a, b) => answered(b) - answered(a)), () => {}); // it goes first
    return socket;
  }

  async _secure(socket, connection) {
    const { host } = connection.origin;
    const secured = tls.connect({
      socket,
      session: connection.session,
      secureContext: this._secureContext(),
      rejectUnauthorized: this._tls.verify,
      host,
      servername: net.isIP(host) ? '' : host,
      ALPNProtocols: ['http/1.1'],
    });
    connection.socket = watched(secured);
    await once(secured, 'secureConnect');
    // Up to TLS 1.2 the session exists when the handshake ends; since 1.3 the server sends it at any time.
    if (secured.getProtocol() !== 'TLSv1.3') connection.session = secured.getSession();
    return secured.on('session', (session) => (connection.session = session));
  }

  // One look-up serves everyone who asks within ten seconds: node has four threads for look-ups.
  _addresses(host) {
    let kept = this._names.get(host);
    if (kept === undefined || monotonic() >= kept.until) {
      kept = { until: Infinity, addresses: lookup(host, { all: true, verbatim: true }) };
      this._names.set(host, kept);
      kept.addresses.then(() => (kept.until = monotonic() + NAMES_KEPT_S), () => this._names.delete(host));
    }
    return kept.addresses;
  }

  _secureContext() {
    if (this._context !== undefined) return this._context;
    const { ca, cert } = this._tls;
    const own = cert ? readFileSync(cert) : undefined;
    const system = tls.getCACertificates?.('system') ?? [];
    const trusted = ca ? readFileSync(ca) : system.length ? system : undefined;
    return (this._context = tls.createSecureContext({ ca: trusted, cert: own, key: own }));
  }
}

// A server may answer before it has read all of a request, and reset the connection. Its response has arrived nevertheless; node
// would discard it where writing fails before reading.
function watched(socket) {
  for (const name of ['_write', '_writev']) {
    const write = socket[name];
    socket[name] = function (...rest) {
      const done = rest.pop();
      write.call(this, ...rest, (error) => done(classOfCode(error?.code) === 'reset' ? null : error));
    };
  }
  return socket.on('error', () => {}); // whoever waits for the socket has other listeners
}

// Ask the proxy for a connection to `origin`; rejects with Failed.
async function tunnel(socket, origin, proxy) {
  const place = `${origin.host.includes(':') ? `[${origin.host}]` : origin.host}:${origin.port}`;
  socket.write(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : ''}\r\n`);
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    await once(socket, 'readable');
    const received = socket.read();
    head += received?.toString('latin1') ?? '';
    if ((received === null && socket.readableEnded) || head.length > PROXY_HEAD_MAX) {
      throw Object.assign(new Error('closed'), { code: 'ECONNRESET' });
    }
  }
  const shown = `${proxy.host}:${proxy.port}`;
  const [, status] = /^HTTP\/1\.[0-9] ([^ \r]+)/.exec(head) ?? [];
  if (status === undefined) throw new Failed('protocol', `the proxy ${shown} gave no valid HTTP/1.1 response`);
  if (!/^2..$/.test(status)) throw new Failed('other', `the proxy ${shown} answered ${status} to CONNECT ${place}`);
}
