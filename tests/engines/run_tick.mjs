// When the timer that measures lag was due, in seconds after t0, for as long as it is told.

import { readFileSync } from 'node:fs';
import { monotonic } from '../../loadctl/engines/artillery/inside/load/clock.mjs';
import { tick } from '../../loadctl/engines/artillery/inside/load/load.mjs';

const seconds = JSON.parse(readFileSync(0, 'utf8'));
const t0 = monotonic();
const due = [];
const recorder = { lag: (ms) => due.push(monotonic() - t0 - ms / 1000), writeFrames() {} };
await tick(recorder, t0, () => monotonic() - t0 > seconds);
console.log(JSON.stringify(due));
