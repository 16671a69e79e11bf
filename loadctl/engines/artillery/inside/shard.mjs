// One shard of user types, in Artillery's worker thread, from the plan to its bye.

import { writeFileSync, writeSync } from 'node:fs';
import { splitUrl } from './client/client.mjs';
import { monotonic } from './load/clock.mjs';
import { BYE_NOW, EXIT_STOPPED } from './control.mjs';
import { frameFile } from './recorder/frame_file.mjs';
import { makeUsers } from './journey/journey.mjs';
import { Closed, Context, Open, drain, sleep, tick } from './load/load.mjs';
import { between } from './client/route.mjs';
import { Recorder } from './recorder/recorder.mjs';
import { redaction } from './recorder/redaction.mjs';
import { Schedule } from './load/schedule.mjs';
import { warmUsers } from './load/warm.mjs';

const POLL_S = 0.005;
const OF_USER_TYPES = { extension: 'engine loadctl', users: "user types as Artillery's virtual users, with loadctl's own client (on undici) and waits" };

export function openRecorder(plan, control) {
  const giveUp = (sentence) => {
    try {
      writeSync(2, `${sentence}\n`);
    } catch {
      // stderr is a file on the same disk
    }
    control.exit(1);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // the main thread ends us
  };
  const options = { redact: redaction(plan.secrets), redactNames: plan.script !== null, secretVariables: plan.secret_variables };
  return new Recorder(frameFile(plan.frames, giveUp), options);
}

// Said once, by the end of the drain or by the second signal, whichever comes first. `ended()` ends the virtual users; what Artillery
// has counted of them, or null.
export function sayByeOnce(recorder, control, ended = () => null) {
  let said = false;
  process.on('exit', () => said || recorder.flush()); // a script has ended the worker: what was measured is kept
  const say = () => {
    if (!said) recorder.bye(ended());
    said = true;
  };
  control.raised(BYE_NOW).then(() => {
    say();
    control.exit(EXIT_STOPPED);
  });
  return say;
}

// `madeOf`: what the users are made of, for the result.
export function hello(plan, recorder, madeOf) {
  recorder.hello({
    version: plan.artillery.version,
    pid: process.pid,
    shard: plan.shard,
    clocks: { monotonic_s: monotonic(), wall_s: Date.now() / 1000 },
    ...madeOf,
  });
}

// Written down beside what else the engine leaves, and in short for the bye.
function keep(counted, path) {
  try {
    writeFileSync(path, `${JSON.stringify(counted, null, 1)}\n`, { mode: 0o600 });
  } catch (error) {
    console.error(`the counters of virtual users cannot be written: ${error.message}`);
  }
  return Object.fromEntries(Object.entries(counted).map(([name, count]) => [name.replace('vusers.', ''), count]));
}

// t0, shortly before it; null: told to stop instead.
export async function waitForStart(control) {
  while (control.t0 === null && !control.stopping) await sleep(POLL_S);
  for (let left; control.t0 !== null && !control.stopping && (left = control.t0 - monotonic()) > 0; ) await sleep(Math.min(left, 0.1));
  return control.stopping ? null : control.t0;
}

// The exit code. `counted`: Artillery's own counters of virtual users.
export async function runShard(plan, control, { places, counted }) {
  const recorder = openRecorder(plan, control);
  const bye = sayByeOnce(recorder, control, () => {
    places.end();
    return keep(counted, plan.counters);
  });
  const context = new Context();
  const { rotation } = plan;
  const site = {
    schedule: new Schedule(plan.stages),
    factory: makeUsers(plan, recorder, context),
    kindOf: (n) => rotation[n % rotation.length],
    recorder,
    control,
    context,
    places,
    shard: plan.shard,
    shards: plan.shards,
  };
  const load = plan.model === 'closed' ? new Closed(site) : new Open(site);
  await warmUsers(plan);
  const note = between(splitUrl(plan.host).origin, process.env);
  if (note) recorder.note(note);
  await load.ready;
  await places.ready;
  hello(plan, recorder, OF_USER_TYPES);
  const t0 = await waitForStart(control);
  if (t0 === null) {
    bye();
    return EXIT_STOPPED;
  }
  recorder.start(t0);
  let ended = false;
  tick(recorder, t0, () => ended);
  await load.run(t0);
  const early = control.stopping;
  context.stop();
  await drain(recorder, control, places, plan.drain_s);
  ended = true;
  bye();
  return early ? EXIT_STOPPED : 0;
}
