// Content-Encoding: unpacking bodies.

import zlib from 'node:zlib';
import { Failed } from './failure.mjs';

const UNPACKED_MAX = 64 << 20;
export const ACCEPTED = 'gzip, deflate, br';

const UNPACKERS = {
  gzip: (body) => zlib.gunzipSync(body, limits),
  'x-gzip': (body) => zlib.gunzipSync(body, limits),
  // The standard says zlib's format, but some servers send the bare stream.
  deflate: (body) => ((body[0] & 0x0f) === 8 ? zlib.inflateSync : zlib.inflateRawSync)(body, limits),
  br: (body) => zlib.brotliDecompressSync(body, limits),
};
const limits = { maxOutputLength: UNPACKED_MAX };

// `body` without its `encodings` (values of Content-Encoding). At an unknown one it stops: the rest stays packed.
export function unpacked(body, encodings) {
  for (const name of names(encodings).reverse()) {
    if (!Object.hasOwn(UNPACKERS, name)) break;
    if (body.length) body = attempt(UNPACKERS[name], body);
  }
  return body;
}

// The encoding at which `unpacked` stops; undefined where it unpacks all.
export const unknownEncoding = (encodings) => names(encodings).findLast((name) => !Object.hasOwn(UNPACKERS, name));

const names = (encodings) =>
  encodings.join(',').split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '' && name !== 'identity');

function attempt(unpack, body) {
  try {
    return unpack(body);
  } catch (error) {
    if (error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Failed('other', `the unpacked body is larger than ${UNPACKED_MAX >> 20} MiB`);
    }
    if (error.code === 'Z_BUF_ERROR' || /unexpected end/.test(error.message)) {
      throw new Failed('protocol', 'the compressed body is cut short');
    }
    throw new Failed('protocol', `the compressed body is damaged: ${error.message}`);
  }
}
