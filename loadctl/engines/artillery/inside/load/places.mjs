// The places of a shard's users: Artillery's virtual users, numbered in the order they start. Place k of this shard is user
// shard + k * shards of a closed load; in the open model it serves arrivals. All end with the load.

import { pathToFileURL } from 'node:url';

const UNANSWERED = 'its request was not answered before the load ended';

export class Places {
  constructor(count) {
    this.active = 0; // users that have not ended
    this.ready = new Promise((resolve) => (this._complete = resolve));
    this.count = count;
    this._all = [];
    if (!count) this._complete();
  }

  // A virtual user of Artillery becomes a place. One that the plan has no use for ends at once.
  join(context, done) {
    if (this._all.length >= this.count) return done(null, context);
    // Two users are active in it where the plan wants a user back whose predecessor still waits for a response.
    this._all.push({ active: 0, error: null, context, done });
    if (this._all.length === this.count) this._complete();
  }

  at(position) {
    return this._all[position];
  }

  // Run a user in `place` until `life()` ends. `broke(error)` is called for an error that the user has not handled.
  async run(place, life, broke) {
    place.active += 1;
    this.active += 1;
    try {
      await life();
    } catch (error) {
      place.error ??= error;
      broke(error);
    } finally {
      place.active -= 1;
      this.active -= 1;
    }
  }

  end() {
    for (const { active, error, context, done } of this._all.splice(0)) done(error ?? (active ? new Error(UNANSWERED) : null), context);
  }
}

// Artillery's own counters of virtual users by name (`vusers.created`, …), updated as it counts. Its `stats` have them up to five
// seconds later and its `done` up to a second after the last user, too late for a verdict.
export async function countVirtualUsers({ package: folder, version }) {
  const { SSMS } = await import(pathToFileURL(`${folder}/dist/lib/core/ssms.js`).href);
  const original = SSMS?.prototype.counter;
  if (typeof original !== 'function') throw new Error(`Artillery ${version} has no counters that can be read`);
  const counters = { 'vusers.created': 0, 'vusers.completed': 0, 'vusers.failed': 0 };
  SSMS.prototype.counter = function (name, value) {
    if (name in counters) counters[name] += value;
    return original.call(this, name, value);
  };
  return counters;
}
