// How far the clocks of new threads are apart: each is held against process.hrtime, which all threads share.

import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { readFileSync } from 'node:fs';
import { monotonic } from '../../loadctl/engines/artillery/inside/load/clock.mjs';



function looked() {
  let best = Infinity;
  for (let i = 0; i < 50; i += 1) {
    const apart = monotonic() * 1e6 - Number(process.hrtime.bigint()) / 1e3;
    if (Math.abs(apart) < Math.abs(best)) best = apart;
  }
  return { now: monotonic(), apart: best };
}

if (!isMainThread) parentPort.postMessage(looked());
else {
  readFileSync(0);
  const main = looked();
  const worker = await new Promise((resolve) => new Worker(new URL(import.meta.url)).once('message', resolve));
  console.log(JSON.stringify({ main: main.now, worker: worker.now, apart_us: [main.apart, worker.apart] }));
}
