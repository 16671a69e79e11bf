// Why a request failed: one of the error classes, which are the same on both engines. And what messages need to be short.

const NO_IPV6 = new Set(['EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT']);
const CODES = {
  // Descriptors, ports or memory of this machine are used up, or undici does not send such a request: says nothing about the system.
  generator: 'EMFILE ENFILE EADDRNOTAVAIL ENOBUFS ENOMEM UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED',
  dns: 'ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NONAME ENODATA',
  reset: 'ECONNRESET EPIPE ECONNABORTED',
  connect_refused: 'ECONNREFUSED',
  connect_timeout: 'ETIMEDOUT',
};
const BY_CODE = new Map(Object.entries(CODES).flatMap(([errorClass, codes]) => codes.split(' ').map((code) => [code, errorClass])));
const TLS = /^(EPROTO|ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_OSSL)/;

// The scenario asks for something that cannot be done; the message is one sentence.
export class ValueError extends Error {}

export const STALE = 'the server ended the kept connection before any of the response came';

// A request without a complete response. `errorClass` "generator" means that it is our own fault. `stale`: the server ended the
// kept connection on which the request went out, and no byte of a response came.
export class Failed extends Error {
  constructor(errorClass, message, stale = false) {
    super(message);
    this.errorClass = errorClass;
    this.stale = stale;
  }
}

// The error class of an error code of Node, a resolver or undici; undefined where the code alone does not tell.
export const classOfCode = (code) => BY_CODE.get(code) ?? (TLS.test(code ?? '') ? 'tls' : undefined);

const describe = (error) => String(error.message || error.code || error).slice(0, 500);

// The failure that an error before the first byte of the request stands for; `where` is host:port.
export function failedConnecting(error, where) {
  if (error instanceof Failed) return error;
  // Of several addresses, "no IPv6 here" says less than what another one said.
  const cause = error.errors?.findLast((each) => !NO_IPV6.has(each.code)) ?? error.errors?.at(-1) ?? error;
  const ours = classOfCode(cause.code);
  const errorClass = cause.syscall === 'getaddrinfo' && ours !== 'generator' ? 'dns' : ours ?? 'other';
  const sentences = {
    generator: `cannot open a connection to ${where}: ${describe(cause)}`,
    connect_refused: `${where} refused the connection`,
    connect_timeout: `no connection to ${where} in time`,
    reset: `${where} closed the connection while it was being opened`,
  };
  return new Failed(errorClass, sentences[errorClass] ?? `${where}: ${describe(cause)}`);
}

// The failure that a later error of the socket or of undici stands for. `inHead`: the head of the response was not complete.
export function failedTalking(error, inHead) {
  const { code, message } = error;
  if (error instanceof Failed) return error;
  const errorClass = classOfCode(code);
  if (errorClass === 'generator' || errorClass === 'tls') return new Failed(errorClass, describe(error));
  if (errorClass === 'reset') return new Failed('reset', 'the connection was reset before the response was complete');
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new Failed('protocol', 'not a valid HTTP/1.1 response: the head is too large');
  if (error.name === 'HTTPParserError' ? /EOF/.test(message) : !inHead || (code === 'UND_ERR_SOCKET' && !/^bad/.test(message))) {
    return new Failed('reset', 'the connection was closed before the response was complete');
  }
  return new Failed('protocol', `not a valid HTTP/1.1 response: ${/\((.*)\)$/s.exec(message)?.[1] ?? message}`);
}

// The first `max` characters of a text, none of them cut in two.
export const beginning = (text, max) => (text.length <= max ? text : [...text].slice(0, max).join(''));

// The same; an ellipsis shows that something is missing.
export function shortened(text, max) {
  return text.length <= max || [...text].length <= max ? text : `${beginning(text, max - 1)}…`;
}
