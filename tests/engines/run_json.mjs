// Texts in on stdin; each as it is sent again, or null where it is no JSON, out.

import { readFileSync } from 'node:fs';
import { encodeJson, parseJson } from '../../loadctl/engines/artillery/inside/json.mjs';

function again(text) {
  let value;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return encodeJson(value);
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(again)));
