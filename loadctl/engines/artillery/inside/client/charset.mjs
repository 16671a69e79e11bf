// The characters of a body: decoded as its Content-Type declares, without a byte order mark.

import { isAscii } from 'node:buffer';
import { ValueError } from './failure.mjs';

const CHARSET = /charset\s*=\s*["']?([^\s"';,]+)/i;
const SINGLE_BYTE = /^(?:iso-8859-(?:[2-8]|1[0345])|windows-125[0-8]|koi8-[ru])$/;
// All are read as windows-1252, as browsers do.
const WESTERN = new Set(['us-ascii', 'ascii', 'iso-8859-1', 'latin1', 'windows-1252']);
// Node's own decoder leaves these bytes as they are.
const LETTERS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
const BOMS = [[Buffer.from('\ufeff'), 'utf-8'], [Buffer.from([0xff, 0xfe]), 'utf-16le'], [Buffer.from([0xfe, 0xff]), 'utf-16be']];

const strictly = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const codecs = new Map(); // by Content-Type
const CODECS_MAX = 256;

// The text of a body. `strict`: invalid bytes are an error instead of U+FFFD. Throws ValueError with a sentence.
export function decodedText(body, contentType, { strict = false } = {}) {
  let codec = codecOf(contentType);
  if (body[0] >= 0xef) {
    const [mark, unicode] = BOMS.find(([bytes]) => body.subarray(0, bytes.length).equals(bytes)) ?? [];
    if (mark) [body, codec] = [body.subarray(mark.length), unicode];
  }
  if (codec === 'utf-8' && !strict) return body.toString();
  if (codec === 'western') return body.latin1Slice().replace(/[\x80-\x9f]/g, (sign) => LETTERS[sign.charCodeAt(0) - 0x80]);
  if (codec.startsWith('?')) {
    if (isAscii(body)) return body.latin1Slice();
    throw new ValueError(`the body is in the character set ${codec.slice(1)}, which loadctl cannot read; let the service send UTF-8`);
  }
  const fatal = strict && codec.startsWith('utf');
  try {
    return (codec === 'utf-8' ? strictly : new TextDecoder(codec, { fatal, ignoreBOM: true })).decode(body);
  } catch {
    throw new ValueError(`the body is not the ${codec.slice(0, 6).toUpperCase()} that it should be`);
  }
}

// TextDecoder's name for a character set, "western", or ? and the name that loadctl does not know.
function codecOf(contentType) {
  let codec = codecs.get(contentType);
  if (codec === undefined) {
    if (codecs.size >= CODECS_MAX) codecs.clear();
    codecs.set(contentType, (codec = named(CHARSET.exec(contentType)?.[1] ?? 'utf-8')));
  }
  return codec;
}

function named(charset) {
  const label = charset.toLowerCase().replace(/^iso[-_]?8859[-_]/, 'iso-8859-').replace(/^cp(?=125)/, 'windows-');
  if (label === 'utf-8' || label === 'utf8') return 'utf-8';
  if (['utf-16', 'utf-16le', 'utf-16be'].includes(label)) return label === 'utf-16be' ? label : 'utf-16le';
  if (WESTERN.has(label)) return 'western';
  if (label === 'iso-8859-9') return 'windows-1254'; // as browsers do
  return SINGLE_BYTE.test(label) ? label : `?${charset}`;
}
