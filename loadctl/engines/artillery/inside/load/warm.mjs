// Warm-up: throw-away requests to a server inside this process, through the code that the load will run. Never to the system.
//
// V8 compiles on first use; without this the p99 of the first seconds is 7 to 15 ms too high (measured).

import net from 'node:net';
import { makeUsers } from '../journey/journey.mjs';
import { monotonic } from './clock.mjs';
import { StopSignal } from './load.mjs';
import { Recorder } from '../recorder/recorder.mjs';

const ROUNDS = 60;
const CLIENTS = 8;
const AT_MOST_S = 1.5;
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}';
const REQUEST = {
  kind: 'request',
  method: 'GET',
  url: '/warm-up',
  endpoint: 'warm-up',
  query: [],
  headers: [],
  body: null,
  capture: [['ok', '$.ok']],
  check: { status: [[200, 299]], has: ['ok'], lacks: [], json: [], text: [], within_s: 1 },
  timeout_s: 1,
};
const FEATURES = { $expr: ['call', 'random_floats', [['lit', 8]]] };
const JSON_PARTS = ['{"features":', FEATURES, ',"ok":', { $expr: ['var', 'ok'] }, '}'];
const BODY = { kind: 'json', json: JSON_PARTS };
const TYPE = {
  start: [],
  tasks: [{ weight: 1, flow: [REQUEST, { ...REQUEST, method: 'POST', body: BODY, capture: [] }] }],
  headers: [],
  think: null,
  pace_s: null,
  data: [],
};

// Run a user type of its own on the runtime of user types: the scenario's requests might leave this process.
export async function warmUsers(plan) {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', () => socket.write(ANSWER)).on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `http://127.0.0.1:${server.address().port}`;
  const toward = { ...plan, host, rate_limit: null, user_types: [TYPE], rotation: [0] };
  const factory = makeUsers(toward, new Recorder(() => {}), new StopSignal());
  const users = Array.from({ length: CLIENTS }, (_, index) => factory(index));
  const deadline = monotonic() + AT_MOST_S;
  await Promise.all(
    users.map(async (user) => {
      for (let round = 0; round < ROUNDS && monotonic() < deadline; round += 1) await user.turn(null);
    }),
  );
  users.forEach((user) => user.close());
  server.close();
}
