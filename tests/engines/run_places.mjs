// What came of virtual users that joined two places: lives in them that break, go on or end.

import { Places } from '../../loadctl/engines/artillery/inside/load/places.mjs';

const places = new Places(2);
const ended = [];
const join = (name) => places.join(name, (error, context) => ended.push([context, error?.message ?? null]));
const broke = [];
const live = (at, life) => places.live(places.at(at), life, (error) => broke.push(error.message));

join('a');
let ready = false;
places.ready.then(() => (ready = true));
await new Promise(setImmediate);
const early = ready;
['b', 'surplus', 'another'].forEach(join);
await places.ready;
const atOnce = [...ended];
live(0, async () => {
  throw new Error('not expected');
});
live(0, () => new Promise(setImmediate)); // its successor
live(1, () => new Promise(() => {}));
const lives = [places.lives];
await new Promise((resolve) => setTimeout(resolve, 5));
lives.push(places.lives);
places.end();
places.end();
process.stdout.write(JSON.stringify({ early, atOnce, broke, lives, ended: ended.slice(atOnce.length) }));
