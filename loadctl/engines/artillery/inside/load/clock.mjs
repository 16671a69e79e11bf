// Seconds on CLOCK_MONOTONIC, the clock of Python's time.monotonic(). Every thread has a performance.timeOrigin of its own.

// The first call of either clock takes milliseconds in a new thread, which would put its origin behind that of the others: the
// pair of calls that lay closest together counts.
const ORIGIN_S = Math.max(...Array.from({ length: 16 }, () => Number(process.hrtime.bigint()) / 1e9 - performance.now() / 1000));

export const monotonic = () => ORIGIN_S + performance.now() / 1000;
