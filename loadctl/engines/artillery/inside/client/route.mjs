// Proxies from the environment, by the rules of curl: http_proxy, https_proxy, all_proxy and no_proxy, in either case.
// This machine itself is never reached through a proxy.

import net from 'node:net';
import { Failed } from './failure.mjs';

// The proxy between us and `origin` ({ host, port, authorization: a header's value or empty }), or null; throws Failed for one
// that cannot be used.
export function proxyFor(origin, environ) {
  const words = [`${origin.tls ? 'https' : 'http'}_proxy`, 'all_proxy'];
  const name = words.flatMap((word) => [word, word.toUpperCase()]).find((each) => environ[each]);
  if (name === undefined || isThisMachine(origin.host)) return null;
  if (isExcepted(origin, environ.no_proxy || environ.NO_PROXY || '')) return null;
  const parts = parsed(environ[name]);
  const port = Number(parts?.port || 80);
  if (parts?.protocol !== 'http:' || !parts.hostname || !port) {
    throw new Failed('generator', `${name} names no proxy that can be used; write http://HOST:PORT`);
  }
  const pair = `${decodeURIComponent(parts.username)}:${decodeURIComponent(parts.password)}`;
  const authorization = parts.username ? `Basic ${Buffer.from(pair).toString('base64')}` : '';
  return { host: bare(parts.hostname), port, authorization };
}

// A proxy's URL, with or without a scheme; null where it is none.
export function parsed(url) {
  const whole = url.includes('://') ? url : `http://${url}`;
  return URL.canParse(whole) ? new URL(whole) : null;
}

// A host without the brackets of an IPv6 address.
export const bare = (host) => host.replace(/^\[|\]$/g, '');

// A sentence about the proxy between us and the system, or null.
export function proxyNote(origin, environ) {
  try {
    const proxy = proxyFor(origin, environ);
    return proxy && `requests go through the proxy ${proxy.host}:${proxy.port}, as the environment says`;
  } catch (error) {
    if (error instanceof Failed) return null; // every request will report it
    throw error;
  }
}

function isThisMachine(host) {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return net.isIPv4(name) ? name.startsWith('127.') : name === '::1';
}

// `exceptions` are hosts, with or without a port, each including its subdomains; * is every host.
function isExcepted(origin, exceptions) {
  const host = origin.host.toLowerCase();
  return exceptions.toLowerCase().split(/[\s,]+/).filter(Boolean).some((word) => {
    const [, name, port] = word.split(':').length === 2 ? /^(.*):(.*)$/.exec(word) : [null, word, ''];
    const excepted = bare(name.replace(/^\.+/, ''));
    if (port && port !== String(origin.port)) return false;
    return word === '*' || host === excepted || (excepted !== '' && host.endsWith(`.${excepted}`));
  });
}
