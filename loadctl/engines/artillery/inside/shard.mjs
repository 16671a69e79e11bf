// One shard of user types, in Artillery's worker thread, from the plan to its bye.

import { appendFileSync, openSync, writeFileSync } from 'node:fs';
import { splitUrl } from './client/client.mjs';
import { proxyNote } from './client/route.mjs';
import { BYE_NOW, EXIT_STOPPED } from './control.mjs';
import { makeUsers } from './journey/journey.mjs';
import { monotonic } from './load/clock.mjs';
import { Closed, Open, StopSignal, record, sleep } from './load/load.mjs';
import { Schedule } from './load/schedule.mjs';
import { warmUsers } from './load/warm.mjs';
import { Recorder } from './recorder/recorder.mjs';
import { redaction } from './recorder/redaction.mjs';

const POLL_S = 0.005;
const USER_TYPES = { extension: 'engine loadctl', users: "user types as Artillery's virtual users, with loadctl's own client (on undici) and waits" };

// Its file is append-only, and each line goes to the kernel at once. Load that cannot be recorded is only harm, so the process ends
// where a line cannot be written.
export function openRecorder(plan, control) {
  const file = openSync(plan.frames, 'a', 0o600);
  const write = (line) => {
    try {
      appendFileSync(file, line);
    } catch (error) {
      control.fail(`frames cannot be written: ${error.message}`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // until the main thread ends the process
    }
  };
  const options = { redact: redaction(plan.secrets), redactNames: plan.script !== null, secretVariables: plan.secret_variables };
  return new Recorder(write, options);
}

// A function that writes the bye, once: at the end of the drain or at the second signal, whichever comes first. `endUsers()` ends the
// virtual users and returns what Artillery has counted of them, or null.
export function byeOnce(recorder, control, endUsers = () => null) {
  let written = false;
  process.on('exit', () => written || recorder.flush()); // a script has ended the worker: what was measured is kept
  const bye = () => {
    if (!written) recorder.bye(endUsers());
    written = true;
  };
  control.raised(BYE_NOW).then(() => {
    bye();
    control.exit(EXIT_STOPPED);
  });
  return bye;
}

// `users`: what the virtual users are, for the result.
export function hello(plan, recorder, users) {
  recorder.hello({
    version: plan.artillery.version,
    pid: process.pid,
    shard: plan.shard,
    clocks: { monotonic_s: monotonic(), wall_s: Date.now() / 1000 },
    ...users,
  });
}

// Write the counters to a file of the engine; returns them under shorter names, for the bye.
function saveCounters(counters, path) {
  try {
    writeFileSync(path, `${JSON.stringify(counters, null, 1)}\n`, { mode: 0o600 });
  } catch (error) {
    console.error(`the counters of virtual users cannot be written: ${error.message}`);
  }
  return Object.fromEntries(Object.entries(counters).map(([name, count]) => [name.replace('vusers.', ''), count]));
}

// Resolves to t0 when it has come; to null if told to stop first.
export async function waitForStart(control) {
  while (control.t0 === null && !control.stopping) await sleep(POLL_S);
  for (let left; control.t0 !== null && !control.stopping && (left = control.t0 - monotonic()) > 0; ) await sleep(Math.min(left, 0.1));
  return control.stopping ? null : control.t0;
}

// Resolves to the exit code. `counters`: Artillery's own, of virtual users.
export async function runShard(plan, control, { places, counters }) {
  const recorder = openRecorder(plan, control);
  const bye = byeOnce(recorder, control, () => {
    places.end();
    return saveCounters(counters, plan.counters);
  });
  const { rotation, shard, shards } = plan;
  const signal = new StopSignal();
  const site = {
    schedule: new Schedule(plan.stages),
    factory: makeUsers(plan, recorder, signal),
    kindOf: (n) => rotation[n % rotation.length],
    recorder,
    control,
    places,
    shard,
    shards,
  };
  const load = plan.model === 'closed' ? new Closed(site) : new Open(site);
  await warmUsers(plan);
  const note = proxyNote(splitUrl(plan.host).origin, process.env);
  if (note) recorder.note(note);
  await load.ready;
  await places.ready;
  hello(plan, recorder, USER_TYPES);
  const t0 = await waitForStart(control);
  if (t0 === null) {
    bye();
    return EXIT_STOPPED;
  }
  const run = { recorder, control, users: places, drainS: plan.drain_s };
  const stoppedEarly = await record(t0, run, () => load.run(t0), () => signal.stop());
  bye();
  return stoppedEarly ? EXIT_STOPPED : 0;
}
