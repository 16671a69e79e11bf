// The HTTP client and the cookie jar, as Artillery itself brings them: undici 7.30.2 and tough-cookie 5.1.2.
//
// undici's index also loads fetch, WebSocket and caches, which takes four times as long as its client.

import { createRequire } from 'node:module';

const require = createRequire(`${process.env.LOADCTL_ARTILLERY}/package.json`);

export const HttpClient = require('undici/lib/dispatcher/client.js');
export const { Cookie, CookieJar } = require('tough-cookie');
const { kParser, kQueue, kRunningIdx } = require('undici/lib/core/symbols.js');

let patched = false;

// Make undici read three responses as the standard says. `socket` is one that undici has taken over.
//
// An unexpected 100 is skipped like every other 1xx (RFC 9110 §15.2: a client must be able to parse it); undici ends the connection.
// A response to HEAD ends with its head, so the connection stays open without a length (RFC 9112 §6.3); undici closes it.
// 204 and 304 have no body, whatever length they declare (RFC 9112 §6.3); undici expects one.
export function followTheStandard(socket) {
  if (patched) return;
  patched = true;
  const parser = Object.getPrototypeOf(socket[kParser]);
  const { onHeadersComplete } = parser;
  parser.onHeadersComplete = function (status, upgrade, keepAlive) {
    const { method } = this.client[kQueue][this.client[kRunningIdx]] ?? {};
    const staysOpen = keepAlive || (method === 'HEAD' && !/\bclose\b/i.test(this.connection));
    if (status === 204 || status === 304) this.contentLength = '';
    return onHeadersComplete.call(this, status === 100 ? 102 : status, upgrade, staysOpen);
  };
}
