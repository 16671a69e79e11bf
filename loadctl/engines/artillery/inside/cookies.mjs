// The cookies of one user: as much of RFC 6265 as a load test meets. Names and values are latin-1 texts, as on the wire.

const COOKIES_MAX = 200;

export class Jar {
  constructor() {
    this._cookies = new Map();
  }

  get size() {
    return this._cookies.size;
  }

  clear() {
    this._cookies.clear();
  }

  // The value of the cookie stored last under `name`, whatever its domain and path.
  value(name) {
    let found;
    for (const cookie of this._cookies.values()) if (cookie.name === name) found = cookie.value;
    return found;
  }

  // The value of one Set-Cookie header, answering a request for `target` (path and query) at `host`.
  store(line, host, target) {
    const [pair, ...attributes] = line.split(';');
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals)).trim();
    if (equals < 0 || !name) return;
    const given = new Map(attributes.map(attribute));
    const domain = (given.get('domain') ?? '').replace(/^\.+/, '').toLowerCase();
    if (domain && domain !== host && !(below(host, domain) && domain.includes('.'))) return;
    let path = given.get('path') ?? '';
    if (!path.startsWith('/')) {
      const whole = target.split('?', 1)[0];
      path = whole.slice(0, Math.max(0, whole.lastIndexOf('/'))) || '/';
    }
    const key = JSON.stringify([domain || host, path, name]);
    const expires = expiry(given);
    if (expires <= Date.now()) this._cookies.delete(key);
    else if (this._cookies.has(key) || this._cookies.size < COOKIES_MAX) {
      const value = pair.slice(equals + 1).trim();
      this._cookies.set(key, { name, value, domain: domain || host, path, hostOnly: !domain, secure: given.has('secure'), expires });
    }
  }

  // The Cookie header line for a request, with its line end; empty where no cookie applies.
  header(host, target, secure) {
    const now = Date.now();
    const path = target.split('?', 1)[0];
    const found = [];
    for (const cookie of this._cookies.values()) {
      const applies =
        (host === cookie.domain || (!cookie.hostOnly && below(host, cookie.domain))) &&
        (secure || !cookie.secure) &&
        cookie.expires > now &&
        (cookie.path === '/' || within(path, cookie.path));
      if (applies) found.push(cookie);
    }
    if (!found.length) return '';
    found.sort((a, b) => b.path.length - a.path.length); // stable: longer paths first, then the older
    return `Cookie: ${found.map((cookie) => `${cookie.name}=${cookie.value}`).join('; ')}\r\n`;
  }
}

function attribute(text) {
  const equals = text.indexOf('=');
  return equals < 0
    ? [text.trim().toLowerCase(), '']
    : [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()];
}

function below(host, domain) {
  return host.endsWith(`.${domain}`) && !/^[0-9]+$/.test(host.slice(host.lastIndexOf('.') + 1));
}

function within(path, scope) {
  return path === scope || (path.startsWith(scope) && (scope.endsWith('/') || path[scope.length] === '/'));
}

// Milliseconds since 1970; Infinity for a cookie of the session. Max-Age goes before Expires.
function expiry(given) {
  const age = given.get('max-age');
  if (age !== undefined && /^[+-]?[0-9]+$/.test(age)) return Date.now() + Number(age) * 1000;
  const moment = Date.parse((given.get('expires') ?? '').replaceAll('-', ' '));
  return Number.isNaN(moment) ? Infinity : moment;
}
