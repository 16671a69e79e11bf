// Waking at a moment, to a tenth of a millisecond. Node's own timers end on whole milliseconds, which the open model would add
// to every latency; a thread that sleeps on a futex is exact, but for the way of its message, which is begun early.

import { Worker } from 'node:worker_threads';
import { monotonic } from './clock.mjs';

// How long a message from thread to thread takes (measured: p50 0.37 ms, p95 0.45 ms).
const MESSAGE_S = 0.0003;

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
    if (moment - MESSAGE_S > monotonic()) {
      const woken = new Promise((resolve) => (this._wake = resolve));
      this._moment[0] = moment - MESSAGE_S;
      Atomics.add(this._turn, 0, 1);
      Atomics.notify(this._turn, 0);
      await woken;
    }
    while (monotonic() < moment) await new Promise(setImmediate); // what has come meanwhile is read
  }

  close() {
    return this._thread.terminate();
  }
}
