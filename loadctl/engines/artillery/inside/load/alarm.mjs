// Waking at a given time, to a tenth of a millisecond. Node's own timers end on whole milliseconds, which the open model would
// add to every latency. A thread that sleeps on a futex is exact except for the delay of its message, which it sends early.

import { Worker } from 'node:worker_threads';
import { monotonic } from './clock.mjs';

// How long a message from thread to thread takes (measured: p50 0.37 ms, p95 0.45 ms).
const MESSAGE_S = 0.0003;
// How often a long wait looks whether the load was stopped.
const CHECK_S = 0.1;

// For one waiter at a time. Times are seconds of monotonic().
export class Alarm {
  constructor() {
    const shared = new SharedArrayBuffer(16);
    this._turn = new Int32Array(shared, 0, 1);
    this._time = new Float64Array(shared, 8, 1);
    this._wake = null;
    this._thread = new Worker(new URL('./alarm_thread.mjs', import.meta.url), { workerData: shared, execArgv: [], env: {} });
    this.ready = new Promise((resolve) => this._thread.once('message', resolve));
    this._thread.on('message', (turn) => {
      if (turn === this._turn[0]) this._wake?.();
    });
  }

  // Resolves to false if `control` stops the load first.
  async waitUntil(time, control) {
    for (let left; !control.stopping && (left = time - monotonic()) > 0; ) await this._sleepUntil(Math.min(time, time - left + CHECK_S));
    return !control.stopping;
  }

  async _sleepUntil(time) {
    if (time - MESSAGE_S > monotonic()) {
      const woken = new Promise((resolve) => (this._wake = resolve));
      this._time[0] = time - MESSAGE_S;
      Atomics.add(this._turn, 0, 1);
      Atomics.notify(this._turn, 0);
      await woken;
    }
    while (monotonic() < time) await new Promise(setImmediate); // responses are read meanwhile
  }

  close() {
    return this._thread.terminate();
  }
}
