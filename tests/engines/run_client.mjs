// Cases in on stdin, answers out: the counterpart of run_client.py.

import { openSync, readFileSync } from 'node:fs';
import { Client, KEEP_TO_READ, Outgoing, splitUrl, withDefaults } from '../../loadctl/engines/artillery/inside/client/client.mjs';
import { monotonic } from '../../loadctl/engines/artillery/inside/load/clock.mjs';
import { Consent } from '../../loadctl/engines/artillery/inside/client/consent.mjs';
import { Failed, ValueError } from '../../loadctl/engines/artillery/inside/client/failure.mjs';
import { Network } from '../../loadctl/engines/artillery/inside/client/network.mjs';

const BUSY_AFTER_MS = 200;

function send(client, { method = 'GET', url, headers: given = {}, timeout_s: timeoutS = 5 }, body) {
  const { origin, target, credentials } = splitUrl(url);
  const headers = Object.entries(given);
  if (credentials && !headers.some(([name]) => name.toLowerCase() === 'authorization')) headers.push(['Authorization', credentials]);
  return client.send(new Outgoing(method, origin, target, withDefaults(origin, headers), body), timeoutS, KEEP_TO_READ);
}

async function answer(client, request) {
  await new Promise((resolve) => setTimeout(resolve, (request.pause_s ?? 0) * 1000));
  if (request.busy_s) setTimeout(setImmediate, BUSY_AFTER_MS, standStill, request.busy_s); // timers come next
  const began = monotonic();
  const body = Buffer.from((request.body ?? '').repeat(request.times ?? 1));
  try {
    const response = await send(client, request, body);
    return {
      status: response.status,
      body: response.body.toString('base64'),
      size: response.size,
      ttfb_s: response.firstByteAt - began,
      took_s: response.finishedAt - began,
    };
  } catch (failed) {
    if (failed instanceof ValueError) return { error: 'other', message: failed.message, took_s: 0 };
    if (!(failed instanceof Failed)) throw failed;
    return { error: failed.errorClass, message: failed.message, stale: failed.stale, took_s: monotonic() - began };
  }
}

function standStill(seconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}

async function run({ tls = {}, environ = {}, consent, secret_headers, requests, no_descriptors }) {
  if (no_descriptors) useUpDescriptors();
  const client = new Client(new Network(tls, environ, consent ? new Consent(consent, secret_headers) : null));
  const answers = [];
  for (const request of requests) answers.push(await answer(client, request));
  client.close();
  return answers;
}

// All that the limit of this process leaves.
function useUpDescriptors() {
  try {
    for (;;) openSync('/dev/null');
  } catch {
    // none left
  }
}

const cases = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(await Promise.all(cases.map(run))));
