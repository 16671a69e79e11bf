// What came of virtual users that joined two places: lives in them that break, go on or end.

import { Places } from '../../loadctl/engines/artillery/inside/load/places.mjs';

const places = new Places(2);
const ended = [];
const join = (name) => places.join(name, (error, context) => ended.push([context, error?.message ?? null]));
const broke = [];
const run = (at, life) => places.run(places.at(at), life, (error) => broke.push(error.message));

join('a');
let ready = false;
places.ready.then(() => (ready = true));
await new Promise(setImmediate);
const early = ready;
['b', 'surplus', 'another'].forEach(join);
await places.ready;
const atOnce = [...ended];
run(0, async () => {
  throw new Error('not expected');
});
run(0, () => new Promise(setImmediate)); // its successor
run(1, () => new Promise(() => {}));
const active = [places.active];
await new Promise((resolve) => setTimeout(resolve, 5));
active.push(places.active);
places.end();
places.end();
process.stdout.write(JSON.stringify({ early, atOnce, broke, active, ended: ended.slice(atOnce.length) }));
