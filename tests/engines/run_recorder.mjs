// A recorder on a clock of the test's own: one command a line in, one answer a line out.

import { createInterface } from 'node:readline';
import { Recorder } from '../../loadctl/engines/artillery/inside/recorder/recorder.mjs';
import { credentials, redaction, valuesOf } from '../../loadctl/engines/artillery/inside/recorder/redaction.mjs';

let now = 0;
let written = [];
let recorder;
let tokens = new Map();

const commands = {
  new: ({ now: at, secrets, redact_names: redactNames = false, secret_variables: secretVariables = [] }) => {
    now = at;
    written = [];
    tokens = new Map();
    const redact = secrets ? redaction(secrets) : undefined;
    recorder = new Recorder((line) => written.push(line), { redact, redactNames, secretVariables, clock: () => now });
  },
  clock: ({ now: at }) => (now = at),
  begin: ({ token, endpoint }) => tokens.set(token, recorder.begin(endpoint)),
  end: ({ token, us, error, ttfb_us, size, rate_limited, status, message, body, known, headers = [] }) =>
    recorder.end(tokens.get(token), {
      us,
      error,
      ttfbUs: ttfb_us,
      size,
      rateLimited: rate_limited,
      status,
      message,
      secretsOf: known && ((names) => [...valuesOf(names, new Map(Object.entries(known))), ...credentials(headers)]),
      body: body === undefined ? undefined : Buffer.from(body, 'base64'),
    }),
  abandon: ({ token }) => recorder.abandon(tokens.get(token)),
  turn: () => recorder.turn(),
  fault: ({ message }) => recorder.fault(message),
  planned: ({ late_us }) => recorder.planned(late_us),
  gauges: (values) => Object.assign(recorder, values),
  start: ({ t0 }) => recorder.start(t0),
  lag: ({ ms }) => recorder.lag(ms),
  note: ({ message }) => recorder.note(message),
  write_frames: () => recorder.writeFrames(),
  bye: () => recorder.bye(),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { command, ...given } = JSON.parse(line);
  commands[command](given);
  process.stdout.write(`${JSON.stringify(written)}\n`);
  written = [];
});
