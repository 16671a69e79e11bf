// Opening connections: names to addresses, TCP, TLS. One `Network` a process, shared by all its users.

import { readFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import tls from 'node:tls';
import { monotonic } from './clock.mjs';
import { CLOSED, Failed, failedConnecting } from './failure.mjs';

const NAMES_KEPT_S = 10;
// What comes is read at once, so one place to put it serves all connections.
const RECEIVED = Buffer.allocUnsafeSlow(65536);
const NO_IPV6 = new Set(['EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT']);

// Where a connection leads. `host` is a name or an address without brackets, in ASCII; `authority` as in the Host header.
export function makeOrigin(isTls, host, port) {
  const shown = host.includes(':') ? `[${host}]` : host;
  const authority = port === (isTls ? 443 : 80) ? shown : `${shown}:${port}`;
  return Object.freeze({ tls: isTls, host, port, authority, key: `${isTls ? 'https' : 'http'}://${authority}` });
}

// `ca` replaces the system's certificates; `cert` is a client certificate and its key in one file.
export class Network {
  constructor({ verify = true, ca = null, cert = null } = {}) {
    this._verify = verify;
    this._ca = ca;
    this._cert = cert;
    this._context = null;
    this._names = new Map();
  }

  // A connected socket, its TLS handshake done; rejects with Failed. What comes goes to `take(socket, chunk)`; the chunk is
  // valid during that call only.
  async open(origin, deadline, session, take) {
    const where = `${origin.host}:${origin.port}`;
    let socket = null;
    try {
      socket = await this._connect(origin, deadline, take);
      socket._write = writeWhileRead;
      if (!origin.tls) return socket;
      const secured = await this._secure(socket, origin, deadline, session);
      secured._write = writeWhileRead;
      return secured.on('data', (chunk) => take(secured, chunk));
    } catch (error) {
      socket?.destroy();
      throw failedConnecting(error, where);
    }
  }

  // The first address that answers. Each but the last gets only its share of the time that is left.
  async _connect(origin, deadline, take) {
    const addresses = await this._addresses(origin.host, deadline);
    let failure = null;
    for (const [index, address] of [...addresses].entries()) {
      const now = monotonic();
      const until = now + (deadline - now) / (addresses.length - index);
      try {
        const socket = connecting(address, origin, take);
        await settled(socket, 'connect', until);
        if (index) addresses.sort((a, b) => (b === address) - (a === address)); // the one that answered goes first
        return socket;
      } catch (error) {
        // "No IPv6 here" says less than what another address said.
        if (failure === null || !(address.family === 6 && NO_IPV6.has(error.code))) failure = error;
      }
    }
    throw failure ?? new Failed('dns', `${origin.host} has no address`);
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

// Node's streams are passed by where they can be: they cost a third of a request.
function connecting(address, origin, take) {
  const where = { host: address.address, port: origin.port, family: address.family, noDelay: true };
  if (origin.tls) return net.connect(where);
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
