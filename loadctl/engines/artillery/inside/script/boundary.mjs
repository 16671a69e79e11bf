// A script of one's own connects to what was agreed and to nothing else, whatever client it uses: all of them connect through
// Node's sockets. What stands behind a proxy is known from the agents of Artillery's HTTP engine.

import dns from 'node:dns';
import { createRequire } from 'node:module';
import net from 'node:net';
import { Consent, complaint } from '../client/consent.mjs';
import { HOST_NOT_ALLOWED } from './failure.mjs';

const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy'];

export class Boundary {
  // `beyond(sentence)` is told once: the first host that nobody agreed to. Nothing is looked at while it is not `open`.
  constructor(plan, beyond) {
    this._consent = new Consent(plan.consent);
    this._package = `${plan.artillery.package}/package.json`;
    this._beyond = beyond;
    this._proxies = new Set(PROXIES.flatMap((name) => [name, name.toUpperCase()]).flatMap((name) => hostOf(process.env[name])));
    this._told = false;
    this.open = false;
  }

  install() {
    const boundary = this;
    const { connect } = net.Socket.prototype;
    net.Socket.prototype.connect = function (...args) {
      const refused = boundary.open ? boundary._look(args) : null;
      if (refused === null) return connect.apply(this, args);
      process.nextTick(() => this.destroy(refused));
      return this;
    };
    for (const agent of Object.values(createRequire(this._package)('hpagent'))) this._watch(agent.prototype);
  }

  // Behind a proxy only the name tells where a request goes.
  _watch(agent) {
    const boundary = this;
    const { createConnection } = agent;
    agent.createConnection = function (options, callback) {
      const refused = boundary.open ? boundary._refusal(options.host) : null;
      if (refused === null) return createConnection.call(this, options, callback);
      return callback(refused, null);
    };
  }

  // The arguments of net.Socket.connect, as Node itself or a script gives them: an address is looked at now, a name where it leads.
  _look(args) {
    const given = Array.isArray(args[0]) ? args[0] : args;
    if (typeof given[0] !== 'object') {
      if (Number.isNaN(Number(given[0]))) return null; // a socket of this machine
      given.splice(0, typeof given[1] === 'string' ? 2 : 1, { port: given[0], host: typeof given[1] === 'string' ? given[1] : undefined });
    }
    const [options] = given;
    const { host = 'localhost', lookup = dns.lookup } = options;
    if (options.path || this._proxies.has(host.replace(/^\[|\]$/g, ''))) return null;
    if (net.isIP(host)) return this._refusal(host, host);
    given[0] = { ...options, lookup: (name, how, done) => lookup(name, how, (...found) => this._found(name, found, done)) };
    return null;
  }

  _found(name, [error, addresses, family], done) {
    if (error) return done(error);
    const all = Array.isArray(addresses) ? addresses : [{ address: addresses, family }];
    const allowed = all.filter(({ address }) => this._consent.allows(name, address));
    if (all.length && !allowed.length) return done(this._refusal(name, all[0].address));
    return Array.isArray(addresses) ? done(null, allowed) : done(null, addresses, family);
  }

  // What a client is told in the place of a connection; null: it may be made.
  _refusal(name, address = null) {
    if (this._consent.allows(name, address)) return null;
    const sentence = complaint(name, address);
    if (!this._told) this._beyond(sentence);
    this._told = true;
    return Object.assign(new Error(sentence), { code: HOST_NOT_ALLOWED });
  }
}

function hostOf(url) {
  const whole = url?.includes('://') ? url : `http://${url}`;
  return url && URL.canParse(whole) ? [new URL(whole).hostname.replace(/^\[|\]$/g, '')] : [];
}
