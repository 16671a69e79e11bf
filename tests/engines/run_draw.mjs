// prng-vectors.json in on stdin; what this runtime draws, in the same form, out.

import { readFileSync } from 'node:fs';
import { FREE_HELPERS, Stream, hash32 } from '../../loadctl/engines/artillery/inside/journey/draw.mjs';

const vectors = JSON.parse(readFileSync(0, 'utf8'));
const first5 = (state) => {
  const stream = new Stream(state);
  return Array.from({ length: 5 }, () => stream.next());
};
const called = (stream, { call, arguments: given }) => (FREE_HELPERS[call] ? FREE_HELPERS[call](...given) : stream[call](...given));
process.stdout.write(
  JSON.stringify({
    draws: vectors.draws.map(({ state }) => ({ state, first5: first5(state) })),
    hash32: vectors.hash32.map(({ seed, user }) => ({ seed, user, state: hash32(seed, user) })),
    helpers: vectors.helpers.map(({ seed, user, in_order: calls }) => {
      const stream = new Stream(hash32(seed, user));
      return { seed, user, in_order: calls.map((one) => ({ ...one, value: called(stream, one) })) };
    }),
  }),
);
