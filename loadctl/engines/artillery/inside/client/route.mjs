// Proxies of the environment, by the rules of curl: http_proxy, https_proxy, all_proxy and no_proxy, in either case.
// This machine itself is never reached through one.

import net from 'node:net';
import { Failed } from './failure.mjs';

// The proxy between us and `origin` ({ host, port, authorization: a header's value or empty }), or null; throws Failed for one
// that cannot be used.
export function proxyFor(origin, environ) {
  const words = [`${origin.tls ? 'https' : 'http'}_proxy`, 'all_proxy'];
  const name = words.flatMap((word) => [word, word.toUpperCase()]).find((each) => environ[each]);
  if (name === undefined || isThisMachine(origin.host)) return null;
  if (isExcepted(origin, environ.no_proxy || environ.NO_PROXY || '')) return null;
  const url = environ[name];
  const parts = URL.canParse(url.includes('://') ? url : `http://${url}`) ? new URL(url.includes('://') ? url : `http://${url}`) : null;
  const port = Number(parts?.port || 80);
  if (parts?.protocol !== 'http:' || !parts.hostname || !port) {
    throw new Failed('generator', `${name} names no proxy that can be used; write http://HOST:PORT`);
  }
  const pair = `${decodeURIComponent(parts.username)}:${decodeURIComponent(parts.password)}`;
  const authorization = parts.username ? `Basic ${Buffer.from(pair).toString('base64')}` : '';
  return { host: parts.hostname.replace(/^\[|\]$/g, ''), port, authorization };
}

// A sentence about the proxy on the way to the system, or null.
export function between(origin, environ) {
  try {
    const proxy = proxyFor(origin, environ);
    return proxy && `requests go through the proxy ${proxy.host}:${proxy.port}, as the environment says`;
  } catch (error) {
    if (error instanceof Failed) return null; // every request will say so
    throw error;
  }
}

function isThisMachine(host) {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return net.isIPv4(name) ? name.startsWith('127.') : name === '::1';
}

// Each of `exceptions` is a host, with or without a port, and stands for all below it; * is every host.
function isExcepted(origin, exceptions) {
  const host = origin.host.toLowerCase();
  return exceptions.toLowerCase().split(/[\s,]+/).filter(Boolean).some((word) => {
    const [, name, port] = word.split(':').length === 2 ? /^(.*):(.*)$/.exec(word) : [null, word, ''];
    const bare = name.replace(/^\.+/, '').replace(/^\[|\]$/g, '');
    if (port && port !== String(origin.port)) return false;
    return word === '*' || host === bare || (bare !== '' && host.endsWith(`.${bare}`));
  });
}
