// The thread behind alarm.mjs: waits for a moment and says that it has come.

import { parentPort, workerData } from 'node:worker_threads';
import { monotonic } from './clock.mjs';

const turn = new Int32Array(workerData, 0, 1);
const moment = new Float64Array(workerData, 8, 1);
let seen = 0;
parentPort.postMessage(0);
for (;;) {
  const now = Atomics.load(turn, 0);
  if (now === seen) Atomics.wait(turn, 0, now);
  else {
    const left = (moment[0] - monotonic()) * 1000;
    if (left <= 0 || Atomics.wait(turn, 0, now, left) === 'timed-out') {
      seen = now;
      parentPort.postMessage(now);
    }
  }
}
