// What ended a request of a script, as a class of DESIGN §5; what its own faults say, and where.

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, types } from 'node:util';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const SHORT = { depth: 1, breakLength: Infinity };
const isError = (error) => error instanceof Error || types.isNativeError(error); // also of another thread

const OURS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
export const HOST_NOT_ALLOWED = 'LOADCTL_HOST_NOT_ALLOWED';
const BY_CODE = {
  [HOST_NOT_ALLOWED]: 'host_not_allowed',
  ECONNREFUSED: 'connect_refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ERR_STREAM_PREMATURE_CLOSE: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ETIMEDOUT: 'timeout',
  ESOCKETTIMEDOUT: 'timeout',
  ERR_SOCKET_TIMEOUT: 'timeout',
  ERR_TOO_MANY_REDIRECTS: 'redirect_limit',
};
const BY_WORDS = [
  [/redirected \d+ times/i, 'redirect_limit'],
  [/capture or match|failed match|data is not valid|expectation/i, 'check_failed'],
  [/response timeout|handshake has timed out/i, 'timeout'],
  [/is not open|socket hang up/i, 'reset'],
];

export const wordsOf = (error) => (typeof error?.message === 'string' ? error.message : typeof error === 'string' ? error : inspect(error, SHORT));

// What an error says of itself, and where the user's code raised it. `file`: of the functions that hand over errors without a place.
export function faultOf(error, home, file = '') {
  if (!isError(error)) return { message: wordsOf(error), where: file };
  return { message: `${error.name}: ${error.message}`, where: placeOf(error, home) };
}

// The innermost line outside of Artillery (`home`: its package), Node and loadctl, as in `steps.js:12`; empty where there is none.
export function placeOf(error, home) {
  for (const line of String(error.stack).split('\n').slice(1)) {
    const [, path, number] = /(?:\(|at |async )(?:file:\/\/)?(\/[^():]+):(\d+)(?::\d+)?\)?$/.exec(line) ?? [];
    if (path && !path.startsWith(home) && !path.startsWith(HERE) && !path.includes('/node_modules/')) return `${basename(path)}:${number}`;
  }
  return '';
}

// An answer that is not as the script wants it, in Artillery's words.
export const isCheck = (error) => /capture or match|expectation/i.test(wordsOf(error));

export function classify(error) {
  const code = String(error?.code ?? error?.description?.error?.code ?? '');
  if (OURS.has(code)) return 'generator';
  if (BY_CODE[code]) return BY_CODE[code];
  if (/^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) return 'tls';
  if (/^HPE_|^Z_/.test(code)) return 'protocol';
  const words = wordsOf(error);
  const refused = /Unexpected server response: (\d{3})/.exec(words);
  if (refused) return `status_${refused[1]}`;
  return BY_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? 'other';
}
