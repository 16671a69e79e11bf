// Why a request failed: one of the classes of DESIGN §5, the same on every engine.

// Descriptors, ports or memory of this machine are used up: says nothing about the system.
const OUR_FAULT = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
const UNKNOWN_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NONAME', 'ENODATA']);
export const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

// What a person wrote cannot be carried out; the message is one sentence.
export class ValueError extends Error {}

// A request without a complete response. `errorClass` "generator" means that it is our own fault.
export class Failed extends Error {
  constructor(errorClass, message) {
    super(message);
    this.errorClass = errorClass;
  }
}

const words = (error) => String(error.message || error.code || error).slice(0, 500);

const isTls = (error) =>
  /^(EPROTO|ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_OSSL)/.test(error.code ?? '');

// What an error before the first byte of the request means; `where` is host:port.
export function failedConnecting(error, where) {
  const code = error.code;
  if (error instanceof Failed) return error;
  if (OUR_FAULT.has(code)) return new Failed('generator', `cannot open a connection to ${where}: ${words(error)}`);
  if (error.syscall === 'getaddrinfo' || UNKNOWN_NAME.has(code)) return new Failed('dns', `${where}: ${words(error)}`);
  if (isTls(error)) return new Failed('tls', `${where}: ${words(error)}`);
  if (code === 'ECONNREFUSED') return new Failed('connect_refused', `${where} refused the connection`);
  if (code === 'ETIMEDOUT') return new Failed('connect_timeout', `no connection to ${where} in time`);
  if (CLOSED.has(code)) return new Failed('reset', `${where} closed the connection while it was being opened`);
  return new Failed('other', `${where}: ${words(error)}`);
}

// What an error after that means.
export function failedTalking(error) {
  if (error instanceof Failed) return error;
  if (OUR_FAULT.has(error.code)) return new Failed('generator', words(error));
  if (isTls(error)) return new Failed('tls', words(error));
  if (CLOSED.has(error.code)) return new Failed('reset', 'the connection was reset before the response was complete');
  return new Failed('other', words(error));
}
