// The places of a shard's users: Artillery's virtual users, numbered as they come. Place k of this shard is user shard + k * shards of a
// closed load; in the open model it serves arrivals. All end with the plan.

const CUT_OFF = 'its request was not answered before the load ended';

class Place {
  constructor(context, done) {
    this.lives = 0; // two, where the plan wants a user back whose predecessor still waits for an answer
    this.error = null;
    this._context = context;
    this._done = done;
  }

  end() {
    this._done(this.error ?? (this.lives ? new Error(CUT_OFF) : null), this._context);
  }
}

export class Places {
  constructor(count) {
    this.lives = 0;
    this.ready = new Promise((resolve) => (this._complete = resolve));
    this.count = count;
    this._all = [];
    if (!count) this._complete();
  }

  // A virtual user of Artillery, from now on. One that the plan has no use for ends at once.
  join(context, done) {
    if (this._all.length >= this.count) return done(null, context);
    this._all.push(new Place(context, done));
    if (this._all.length === this.count) this._complete();
  }

  at(position) {
    return this._all[position];
  }

  // Live `life()` there, which tells by itself what goes wrong; `broke` is told of what it did not expect.
  async live(place, life, broke) {
    place.lives += 1;
    this.lives += 1;
    try {
      await life();
    } catch (error) {
      place.error ??= error;
      broke(error);
    } finally {
      place.lives -= 1;
      this.lives -= 1;
    }
  }

  end() {
    for (const place of this._all.splice(0)) place.end();
  }
}
