// What ended a request of a script, as a class of DESIGN §5.

const OURS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
const BY_CODE = {
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

export const wordsOf = (error) => String(error?.message ?? error);

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
