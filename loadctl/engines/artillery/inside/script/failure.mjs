// The error class of a script's failed request; and what its own faults say, and where they were raised.

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, types } from 'node:util';
import { classOfCode } from '../client/failure.mjs';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const SHORT = { depth: 1, breakLength: Infinity };
const isError = (error) => error instanceof Error || types.isNativeError(error); // also of another thread

export const HOST_NOT_ALLOWED = 'LOADCTL_HOST_NOT_ALLOWED';
// Where scripts differ from client/failure.mjs: their timeouts are not told apart from those of connecting.
const BY_CODE = {
  [HOST_NOT_ALLOWED]: 'host_not_allowed',
  ERR_STREAM_PREMATURE_CLOSE: 'reset',
  ETIMEDOUT: 'timeout',
  ESOCKETTIMEDOUT: 'timeout',
  ERR_SOCKET_TIMEOUT: 'timeout',
  ERR_TOO_MANY_REDIRECTS: 'redirect_limit',
};
const BY_MESSAGE = [
  [/redirected \d+ times/i, 'redirect_limit'],
  [/capture or match|failed match|data is not valid|expectation/i, 'check_failed'],
  [/response timeout|handshake has timed out/i, 'timeout'],
  [/is not open|socket hang up/i, 'reset'],
];

export const messageOf = (error) => (typeof error?.message === 'string' ? error.message : typeof error === 'string' ? error : inspect(error, SHORT));

// The message of an error, and where the user's code raised it. `file`: named for errors that tell no place.
export function faultOf(error, home, file = '') {
  if (!isError(error)) return { message: messageOf(error), where: file };
  return { message: `${error.name}: ${error.message}`, where: placeOf(error, home) };
}

// The innermost line outside Artillery (`home`: its package), Node and loadctl, as in `steps.js:12`; empty if there is none.
export function placeOf(error, home) {
  for (const line of String(error.stack).split('\n').slice(1)) {
    const [, path, number] = /(?:\(|at |async )(?:file:\/\/)?(\/[^():]+):(\d+)(?::\d+)?\)?$/.exec(line) ?? [];
    if (path && !path.startsWith(home) && !path.startsWith(HERE) && !path.includes('/node_modules/')) return `${basename(path)}:${number}`;
  }
  return '';
}

// Artillery's error for a response that is not what the script expects.
export const isCheck = (error) => /capture or match|expectation/i.test(messageOf(error));

export function classify(error) {
  const code = String(error?.code ?? error?.description?.error?.code ?? '');
  if (/^HPE_|^Z_/.test(code)) return 'protocol';
  const known = BY_CODE[code] ?? classOfCode(code);
  if (known) return known;
  const message = messageOf(error);
  const refused = /Unexpected server response: (\d{3})/.exec(message);
  if (refused) return `status_${refused[1]}`;
  return BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ?? 'other';
}
