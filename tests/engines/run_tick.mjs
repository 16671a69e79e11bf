// When the timer that measures lag was due, in seconds after t0, for as long as it is told.

import { readFileSync } from 'node:fs';
import { monotonic } from '../../loadctl/engines/artillery/inside/load/clock.mjs';
import { StopSignal, tick } from '../../loadctl/engines/artillery/inside/load/load.mjs';

const seconds = JSON.parse(readFileSync(0, 'utf8'));
const t0 = monotonic();
const due = [];
const recorder = { lag: (ms) => due.push(monotonic() - t0 - ms / 1000), writeFrames() {} };
const signal = new StopSignal();
setTimeout(() => signal.stop(), seconds * 1000);
await tick(recorder, t0, signal);
console.log(JSON.stringify(due));
