// Seconds on CLOCK_MONOTONIC, the clock of Python's time.monotonic(). Every thread has a performance.timeOrigin of its own.
const ORIGIN_S = Number(process.hrtime.bigint()) / 1e9 - performance.now() / 1000;

export const monotonic = () => ORIGIN_S + performance.now() / 1000;
