// Why a request failed: one of the classes of DESIGN §5, the same on every engine.

// Descriptors, ports or memory of this machine are used up: says nothing about the system.
const OUR_FAULT = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
const UNKNOWN_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NONAME', 'ENODATA']);
export const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const NO_IPV6 = new Set(['EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT']);
// undici's words for a request that it does not send.
const OF_THE_REQUEST = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

// What a person wrote cannot be carried out; the message is one sentence.
export class ValueError extends Error {}

export const STALE = 'the server ended the kept connection before any of the response came';

// A request without a complete response. `errorClass` "generator" means that it is our own fault. `stale`: the server ended the
// kept connection on which it went out, and no byte of a response came.
export class Failed extends Error {
  constructor(errorClass, message, stale = false) {
    super(message);
    this.errorClass = errorClass;
    this.stale = stale;
  }
}

const words = (error) => String(error.message || error.code || error).slice(0, 500);

const isTls = (error) =>
  /^(EPROTO|ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_OSSL)/.test(error.code ?? '');

// What an error before the first byte of the request means; `where` is host:port.
export function failedConnecting(error, where) {
  if (error instanceof Failed) return error;
  // Of several addresses, "no IPv6 here" says less than what another one said.
  const telling = error.errors?.findLast((each) => !NO_IPV6.has(each.code)) ?? error.errors?.at(-1) ?? error;
  const { code } = telling;
  if (OUR_FAULT.has(code)) return new Failed('generator', `cannot open a connection to ${where}: ${words(telling)}`);
  if (telling.syscall === 'getaddrinfo' || UNKNOWN_NAME.has(code)) return new Failed('dns', `${where}: ${words(telling)}`);
  if (isTls(telling)) return new Failed('tls', `${where}: ${words(telling)}`);
  if (code === 'ECONNREFUSED') return new Failed('connect_refused', `${where} refused the connection`);
  if (code === 'ETIMEDOUT') return new Failed('connect_timeout', `no connection to ${where} in time`);
  if (CLOSED.has(code)) return new Failed('reset', `${where} closed the connection while it was being opened`);
  return new Failed('other', `${where}: ${words(telling)}`);
}

// What an error after that means, of the socket or of undici. `inHead`: the head of the response was not complete.
export function failedTalking(error, inHead) {
  const { code } = error;
  if (error instanceof Failed) return error;
  if (OUR_FAULT.has(code) || OF_THE_REQUEST.has(code)) return new Failed('generator', words(error));
  if (isTls(error)) return new Failed('tls', words(error));
  if (CLOSED.has(code)) return new Failed('reset', 'the connection was reset before the response was complete');
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new Failed('protocol', 'not a valid HTTP/1.1 response: the head is too large');
  if (error.name === 'HTTPParserError' ? /EOF/.test(error.message) : !inHead || code === 'UND_ERR_SOCKET' && !/^bad/.test(error.message)) {
    return new Failed('reset', 'the connection was closed before the response was complete');
  }
  const reason = /\((.*)\)$/s.exec(error.message)?.[1] ?? error.message;
  return new Failed('protocol', `not a valid HTTP/1.1 response: ${reason}`);
}
