// Opening connections: names to addresses, TCP, TLS. One `Network` a process, shared by all its users.

import { readFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import tls from 'node:tls';
import { monotonic } from './clock.mjs';
import { CLOSED, Failed, failedConnecting } from './failure.mjs';
import { proxyFor } from './proxy.mjs';

const NAMES_KEPT_S = 10;
const PROXY_HEAD_MAX = 65536;
// What comes is read at once, so one place to put it serves all connections.
const RECEIVED = Buffer.allocUnsafeSlow(65536);
const NO_IPV6 = new Set(['EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT']);

// Where a connection leads. `host` is a name or an address without brackets, in ASCII; `authority` as in the Host header.
export function makeOrigin(isTls, host, port) {
  const shown = host.includes(':') ? `[${host}]` : host;
  const authority = port === (isTls ? 443 : 80) ? shown : `${shown}:${port}`;
  return Object.freeze({ tls: isTls, host, port, authority, key: `${isTls ? 'https' : 'http'}://${authority}` });
}

// `ca` replaces the system's certificates; `cert` is a client certificate and its key in one file. `environ` says which
// proxies there are.
export class Network {
  constructor({ verify = true, ca = null, cert = null } = {}, environ = process.env) {
    this._environ = environ;
    this._verify = verify;
    this._ca = ca;
    this._cert = cert;
    this._context = null;
    this._names = new Map();
  }

  // A connected socket, its TLS handshake done; rejects with Failed. What comes goes to `take(socket, chunk)`; the chunk is
  // valid during that call only.
  async open(origin, deadline, session, take) {
    const proxy = this.proxy(origin);
    let where = proxy === null ? `${origin.host}:${origin.port}` : `the proxy ${proxy.host}:${proxy.port}`;
    let socket = null;
    try {
      socket = await this._connect(origin, proxy ?? origin, deadline, take);
      socket._write = writeWhileRead;
      if (!origin.tls) return socket;
      if (proxy !== null) {
        await tunnel(socket, origin, proxy, deadline);
        where = `${origin.host}:${origin.port}`;
      }
      const secured = await this._secure(socket, origin, deadline, session);
      secured._write = writeWhileRead;
      return secured.on('data', (chunk) => take(secured, chunk));
    } catch (error) {
      socket?.destroy();
      throw failedConnecting(error, where);
    }
  }

  // The one between us and `origin`, or null; throws Failed.
  proxy(origin) {
    return proxyFor(origin, this._environ);
  }

  // The first address of `place` that answers. Each but the last gets only its share of the time that is left.
  async _connect(origin, place, deadline, take) {
    const addresses = await this._addresses(place.host, deadline);
    let failure = null;
    for (const [index, address] of [...addresses].entries()) {
      const now = monotonic();
      const until = now + (deadline - now) / (addresses.length - index);
      try {
        const socket = connecting(address, place.port, origin.tls ? null : take);
        await settled(socket, 'connect', until);
        if (index) addresses.sort((a, b) => (b === address) - (a === address)); // the one that answered goes first
        return socket;
      } catch (error) {
        // "No IPv6 here" says less than what another address said.
        if (failure === null || !(address.family === 6 && NO_IPV6.has(error.code))) failure = error;
      }
    }
    throw failure ?? new Failed('dns', `${place.host} has no address`);
  }

  async _secure(socket, origin, deadline, session) {
    const secured = tls.connect({
      socket,
      session,
      secureContext: this._secureContext(),
      rejectUnauthorized: this._verify,
      host: origin.host,
      servername: net.isIP(origin.host) ? '' : origin.host,
      ALPNProtocols: ['http/1.1'],
    });
    await settled(secured, 'secureConnect', deadline);
    return secured;
  }

  async _addresses(host, deadline) {
    const family = net.isIP(host);
    if (family) return [{ address: host, family }];
    let kept = this._names.get(host);
    if (kept === undefined || monotonic() >= kept.until) {
      kept = { until: Infinity, addresses: this._lookedUp(host) };
      this._names.set(host, kept);
    }
    return within(kept.addresses, deadline, new Failed('dns', `the name ${host} was not resolved in time`));
  }

  // One look-up for all who ask meanwhile: node has four threads for them.
  async _lookedUp(host) {
    try {
      const addresses = await lookup(host, { all: true, verbatim: true });
      this._names.get(host).until = monotonic() + NAMES_KEPT_S;
      return addresses;
    } catch (error) {
      this._names.delete(host);
      throw error;
    }
  }

  _secureContext() {
    if (this._context === null) {
      const own = this._cert ? readFileSync(this._cert) : undefined;
      const system = tls.getCACertificates?.('system') ?? [];
      const ca = this._ca ? readFileSync(this._ca) : system.length ? system : undefined;
      this._context = tls.createSecureContext({ ca, cert: own, key: own });
    }
    return this._context;
  }
}

// Ask the proxy for a connection to `origin`, which is told nothing of it; rejects with Failed.
async function tunnel(socket, origin, proxy, deadline) {
  const place = `${origin.host.includes(':') ? `[${origin.host}]` : origin.host}:${origin.port}`;
  socket.write(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${proxy.authorization}\r\n`);
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    await settled(socket, 'readable', deadline);
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

// Node's streams are passed by where they can be: they cost a third of a request.
function connecting(address, port, take) {
  const where = { host: address.address, port, family: address.family, noDelay: true };
  if (take === null) return net.connect(where);
  const callback = (length) => take(socket, RECEIVED.subarray(0, length));
  const socket = net.connect({ ...where, onread: { buffer: RECEIVED, callback } });
  return socket;
}

// A server may answer before it has read all of a request, and reset the connection. Its answer is here nevertheless; node
// would throw it away where the writing fails before the reading.
function writeWhileRead(data, encoding, done) {
  net.Socket.prototype._write.call(this, data, encoding, (error) => done(CLOSED.has(error?.code) ? null : error));
}

// Until `socket` says `event`; destroyed, and rejected, when it says that it cannot or time is over.
function settled(socket, event, until) {
  return new Promise((resolve, reject) => {
    const end = (error) => {
      clearTimeout(timer);
      clearImmediate(overdue);
      socket.off(event, done).off('error', end).off('close', closed);
      if (!error) return resolve();
      socket.on('error', () => {}); // what comes after the first word says nothing new
      socket.destroy();
      reject(error);
    };
    const done = () => end(null);
    const closed = () => end(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    let overdue; // what came while this process was busy goes before
    const late = () => (overdue = setImmediate(end, Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
    const timer = setTimeout(late, Math.max(1, Math.ceil((until - monotonic()) * 1000)));
    socket.once(event, done).once('error', end).once('close', closed);
  });
}

function within(promise, deadline, failure) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(failure), Math.max(1, Math.ceil((deadline - monotonic()) * 1000)));
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
