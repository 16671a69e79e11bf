// Waking at a moment, to a tenth of a millisecond. Node's own timers end on whole milliseconds, which the open model would add
// to every latency; a thread that sleeps on a futex is exact.

import { Worker } from 'node:worker_threads';
import { monotonic } from './clock.mjs';

// For one waiter at a time. Moments are seconds of monotonic().
export class Alarm {
  constructor() {
    const shared = new SharedArrayBuffer(16);
    this._turn = new Int32Array(shared, 0, 1);
    this._moment = new Float64Array(shared, 8, 1);
    this._wake = null;
    this._thread = new Worker(new URL('./alarm_thread.mjs', import.meta.url), { workerData: shared, execArgv: [], env: {} });
    this.ready = new Promise((resolve) => this._thread.once('message', resolve));
    this._thread.on('message', (turn) => {
      if (turn === this._turn[0]) this._wake?.();
    });
  }

  async waitUntil(moment) {
    if (moment <= monotonic()) return;
    const woken = new Promise((resolve) => (this._wake = resolve));
    this._moment[0] = moment;
    Atomics.add(this._turn, 0, 1);
    Atomics.notify(this._turn, 0);
    await woken;
  }

  close() {
    return this._thread.terminate();
  }
}
