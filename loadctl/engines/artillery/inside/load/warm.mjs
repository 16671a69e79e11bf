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

// Run a user type of its own on the runtime of user types: the scenario's requests might leave this process.
export async function warmUsers(plan) {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', () => socket.write(ANSWER)).on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `http://127.0.0.1:${server.address().port}`;
  const toward = { ...plan, host, rate_limit: null, user_types: [plan.warm_up], rotation: [0] };
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
