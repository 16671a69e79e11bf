// Flags that the main thread and the worker share. The main thread reads loadctl's commands and the signals, because a
// script may keep the worker busy.

import { writeSync } from 'node:fs';
import { getEnvironmentData } from 'node:worker_threads';

export const STOPPING = 0; // begin no more requests; drain, then write the bye
export const LEAVE_NOW = 1; // do not wait for the drain
const STARTED = 2; // t0 is known
export const BYE_NOW = 3; // write the bye and leave at once
export const EXIT = 4; // exit code + 1: the process ends
export const BYE = 5; // the bye is written: an exit code after it is the script's verdict
export const LOADED = 6; // Artillery has loaded the engine of user types
export const HELLO = 7; // a script is ready: an end before this is a usage error
export const EXIT_STOPPED = 10;
export const EXIT_REFUSED = 20;
export const EXIT_BEYOND = 30; // a script connected to a host that nobody agreed to
const T0_AT = 32;

export class Control {
  constructor(shared = new SharedArrayBuffer(T0_AT + 8)) {
    this.shared = shared;
    this._flags = new Int32Array(shared, 0, 8);
    this._t0 = new Float64Array(shared, T0_AT, 1);
  }

  get stopping() {
    return this._flags[STOPPING] === 1;
  }

  // On the monotonic clock, or null.
  get t0() {
    return this.is(STARTED) ? this._t0[0] : null;
  }

  begin(t0) {
    this._t0[0] = t0;
    this.raise(STARTED);
  }

  raise(flag, value = 1) {
    Atomics.store(this._flags, flag, value);
    Atomics.notify(this._flags, flag);
  }

  is(flag) {
    return Atomics.load(this._flags, flag) !== 0;
  }

  // A promise of the flag's value once it is not 0.
  async raised(flag) {
    for (;;) {
      const value = Atomics.load(this._flags, flag);
      if (value) return value;
      await Atomics.waitAsync(this._flags, flag, 0).value;
    }
  }

  // End the whole process, from either thread; the first code counts.
  exit(code) {
    if (!this.is(EXIT)) this.raise(EXIT, code + 1);
  }

  // The same, after printing an error or a sentence.
  fail(error, code = 1) {
    try {
      writeSync(2, `${error?.stack ?? error}\n`);
    } catch {
      // stderr is a file, perhaps on a full disk
    }
    this.exit(code);
  }
}

// What launch.mjs hands to the worker.
export function fromMainThread() {
  const { text, shared } = getEnvironmentData('loadctl');
  return { plan: JSON.parse(text), control: new Control(shared) };
}
