// What the main thread and the worker tell each other: one shared word each. The main thread reads loadctl's words and the
// signals, because the worker may be busy with somebody's script.

export const STOPPING = 0; // no new requests; drain, bye
export const LEAVE_NOW = 1; // do not even drain
export const STARTED = 2; // t0 is there
export const BYE_NOW = 3; // say bye and leave, in the middle of everything
export const EXIT = 4; // exit code + 1: the process ends
export const BYE = 5; // the recorder has said all: what Artillery ends with is the script's judgement
export const LOADED = 6; // Artillery has loaded the engine of user types
export const HELLO = 7; // a script is ready: what ends it before is a usage error
export const EXIT_STOPPED = 10;
export const EXIT_REFUSED = 20;
export const EXIT_BEYOND = 30; // a script turned to a host that nobody agreed to
const T0_AT = 32;

export const newFlags = () => new SharedArrayBuffer(T0_AT + 8);

// Flags that the load looks at, in the worker.
export class Control {
  constructor(shared) {
    this._flags = new Int32Array(shared, 0, 8);
    this._t0 = new Float64Array(shared, T0_AT, 1);
  }

  get stopping() {
    return this._flags[STOPPING] === 1;
  }

  get leaveNow() {
    return this._flags[LEAVE_NOW] === 1;
  }

  // On the monotonic clock, or null.
  get t0() {
    return Atomics.load(this._flags, STARTED) ? this._t0[0] : null;
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
    if (!Atomics.load(this._flags, EXIT)) this.raise(EXIT, code + 1);
  }
}
