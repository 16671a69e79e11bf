// The cookies of one user, by RFC 6265. Names and values are latin-1 texts, as on the wire.

import { Cookie, CookieJar } from './libraries.mjs';

const COOKIES_MAX = 200;
// What browsers add to the standard (public suffixes, prefixes of names) is left out on both engines.
const STANDARD = { rejectPublicSuffixes: false, prefixSecurity: 'unsafe-disabled' };
const LATEST_MS = 8.64e15; // of a Date

export class Jar {
  constructor() {
    this.keeps = false; // cookies that are set now survive clear(), with the value that they then have
    this._kept = new Map();
    this.clear();
  }

  // How many names there are.
  get size() {
    return this._latest.size;
  }

  clear() {
    this._jar = null;
    this._latest = new Map();
    for (const cookie of this._kept.values()) {
      if (cookie.expiryTime() <= Date.now()) continue;
      this._jar ??= new CookieJar(undefined, STANDARD);
      this._jar.store.putCookie(cookie, () => {});
      this._latest.set(cookie.key, cookie.value);
    }
  }

  // The value of the cookie stored last under `name`, whatever its domain and path.
  value(name) {
    return this._latest.get(name);
  }

  // All values long enough to be distinguished from other words.
  secrets() {
    return [...this._latest.values()].map((value) => Buffer.from(value, 'latin1').toString().replace(/^"|"$/g, '')).filter((value) => value.length > 3);
  }

  // The value of one Set-Cookie header, answering a request for `target` (path and query) at `origin`.
  store(line, origin, target) {
    const cookie = Cookie.parse(line);
    if (!cookie || (!this._latest.has(cookie.key) && this.size >= COOKIES_MAX)) return;
    // The library counts Max-Age from the last use of a cookie; the standard counts from when it was set (§5.3).
    if (cookie.maxAge !== null) cookie.expires = dateAt(Date.now() + Number(cookie.maxAge) * 1000);
    cookie.maxAge = null;
    this._jar ??= new CookieJar(undefined, STANDARD);
    if (!this._jar.setCookieSync(cookie, origin.key + target, { ignoreError: true })) return;
    const id = JSON.stringify([cookie.domain, cookie.path, cookie.key]);
    if (this.keeps || this._kept.has(id)) this._kept.set(id, cookie);
    if (cookie.expiryTime() > Date.now()) this._latest.set(cookie.key, cookie.value);
    else this._latest.delete(cookie.key);
  }

  // The value of the Cookie header for a request; empty where no cookie applies.
  header(origin, target) {
    return this._jar.getCookieStringSync(origin.key + target);
  }
}

const dateAt = (ms) => (ms > LATEST_MS ? 'Infinity' : new Date(Math.max(0, ms)));
