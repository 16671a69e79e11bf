// The end of every request that takes too long: one timer a process, none per request.

import { monotonic } from '../load/clock.mjs';

const AT_LEAST_S = 0.01; // between two looks, so that many different timeouts do not cost a look each

export class Watchdog {
  constructor() {
    this.connections = new Set();
    this.lookAt = Infinity;
    this._timer = null;
  }

  // Somebody begins a request that is due before the next look.
  lookBefore(deadline) {
    this.lookAt = deadline;
    clearTimeout(this._timer);
    // What came while this process was busy is read before anybody's time is over.
    this._timer = setTimeout(() => setImmediate(() => this._look()), Math.max(1, Math.ceil((deadline - monotonic()) * 1000)));
    this._timer.unref();
  }

  _look() {
    const now = monotonic();
    if (now < this.lookAt) {
      this.lookBefore(this.lookAt);
      return;
    }
    let next = Infinity;
    for (const connection of [...this.connections]) {
      if (connection.deadline <= now) connection.expire();
      else if (connection.deadline < next) next = connection.deadline;
    }
    this.lookAt = Infinity;
    if (next < Infinity) this.lookBefore(Math.max(next, now + AT_LEAST_S));
  }
}
