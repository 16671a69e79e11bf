// The thread behind alarm.mjs: waits until a given time, then sends a message.

import { parentPort, workerData } from 'node:worker_threads';
import { monotonic } from './clock.mjs';

const turn = new Int32Array(workerData, 0, 1);
const time = new Float64Array(workerData, 8, 1);
let done = 0;
parentPort.postMessage(0);
for (;;) {
  const current = Atomics.load(turn, 0);
  const left = current === done ? Infinity : (time[0] - monotonic()) * 1000;
  if (left > 0 && Atomics.wait(turn, 0, current, left) !== 'timed-out') continue;
  done = current;
  parentPort.postMessage(current);
}
