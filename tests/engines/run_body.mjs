// Bodies in on stdin; what each capture or check says of its body out: the counterpart of run_body.py.

import { readFileSync } from 'node:fs';
import { NOTHING, Reply, compileSource } from '../../loadctl/engines/artillery/inside/journey/capture.mjs';
import { compileCheck } from '../../loadctl/engines/artillery/inside/journey/check.mjs';
import { ValueError } from '../../loadctl/engines/artillery/inside/client/failure.mjs';
import { Response } from '../../loadctl/engines/artillery/inside/client/response.mjs';

function replyTo({ body, headers }) {
  const response = new Response(null, 0, null, null);
  response.onHeaders(200, headers.flat().map((text) => Buffer.from(text, 'latin1')));
  response.body = Buffer.from(body, 'latin1');
  response.size = response.body.length;
  return new Reply(response, null);
}

function said(each) {
  const reply = replyTo(each);
  try {
    if (each.check) return compileCheck(each.check).map((complaint) => complaint(reply, null));
    const found = compileSource(each.source, each.patterns)(reply);
    return found === NOTHING ? null : JSON.stringify(found);
  } catch (error) {
    if (error instanceof ValueError) return `! ${error.message}`;
    throw error;
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(said)));
