// Keeps a user's script from connecting to hosts that nobody agreed to, whatever client it uses: all of them connect through
// Node's sockets. Hosts behind a proxy are known from the agents of Artillery's HTTP engine.

import dns from 'node:dns';
import { createRequire } from 'node:module';
import net from 'node:net';
import { Consent, complaint } from '../client/consent.mjs';
import { bare, parsed } from '../client/route.mjs';
import { HOST_NOT_ALLOWED } from './failure.mjs';

const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy'];

export class Boundary {
  // `beyond(sentence)` is called once, for the first host that nobody agreed to. Only checks while `open`.
  constructor(plan, beyond) {
    this._consent = new Consent(plan.consent);
    this._package = `${plan.artillery.package}/package.json`;
    this._beyond = beyond;
    const urls = PROXIES.flatMap((name) => [name, name.toUpperCase()]).map((name) => parsed(process.env[name] ?? ''));
    this._proxies = new Set(urls.filter((url) => url !== null).map(({ hostname }) => bare(hostname)));
    this._reported = false;
    this.open = false;
  }

  install() {
    const boundary = this;
    const { connect } = net.Socket.prototype;
    net.Socket.prototype.connect = function (...args) {
      const refused = boundary.open ? boundary._check(args) : null;
      if (refused === null) return connect.apply(this, args);
      process.nextTick(() => this.destroy(refused));
      return this;
    };
    for (const { prototype } of Object.values(createRequire(this._package)('hpagent'))) this._wrapAgent(prototype);
  }

  // Behind a proxy only the name of the host is known.
  _wrapAgent(agent) {
    const boundary = this;
    const { createConnection } = agent;
    agent.createConnection = function (options, callback) {
      const refused = boundary.open ? boundary._refusal(options.host) : null;
      if (refused === null) return createConnection.call(this, options, callback);
      return callback(refused, null);
    };
  }

  // The arguments of net.Socket.connect, as given by Node itself or a script: an address is checked now, a name when it is resolved.
  _check(args) {
    const given = Array.isArray(args[0]) ? args[0] : args;
    if (typeof given[0] !== 'object') {
      if (Number.isNaN(Number(given[0]))) return null; // a socket of this machine
      given.splice(0, typeof given[1] === 'string' ? 2 : 1, { port: given[0], host: typeof given[1] === 'string' ? given[1] : undefined });
    }
    const [options] = given;
    const { host = 'localhost', lookup = dns.lookup } = options;
    if (options.path || this._proxies.has(bare(host))) return null;
    if (net.isIP(host)) return this._refusal(host, host);
    given[0] = { ...options, lookup: (name, how, done) => lookup(name, how, (...found) => this._resolved(name, found, done)) };
    return null;
  }

  _resolved(name, [error, addresses, family], done) {
    if (error) return done(error);
    const all = Array.isArray(addresses) ? addresses : [{ address: addresses, family }];
    const allowed = all.filter(({ address }) => this._consent.allows(name, address));
    if (all.length && !allowed.length) return done(this._refusal(name, all[0].address));
    return Array.isArray(addresses) ? done(null, allowed) : done(null, addresses, family);
  }

  // The error that a client gets instead of a connection; null: it may connect.
  _refusal(name, address = null) {
    if (this._consent.allows(name, address)) return null;
    const sentence = complaint(name, address);
    if (!this._reported) this._beyond(sentence);
    this._reported = true;
    return Object.assign(new Error(sentence), { code: HOST_NOT_ALLOWED });
  }
}
