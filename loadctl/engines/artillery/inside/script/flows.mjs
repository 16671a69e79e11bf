// Scenarios of a script that name the engine `loadctl`: their flows are steps of a user type, and a virtual user takes one turn.

import { monotonic } from '../load/clock.mjs';
import { makeUsers } from '../journey/journey.mjs';
import { Context } from '../load/load.mjs';
import { LOADCTL } from './users.mjs';

export class Flows {
  // `users`: the script's, of script_users.mjs.
  constructor(users) {
    this._users = users;
    users.pauses = new Pauses(users);
    this._make = makeUsers(users.plan, users.recorder, users.pauses);
    this._begun = 0;
    this._made = 0;
    this._idle = users.plan.user_types.map(() => []); // users of each type that keep something for the next arrival
  }

  // The function that lives a virtual user of scenario `spec` of `script`.
  of(spec, script) {
    const mine = script.scenarios.filter((each) => each.engine === LOADCTL);
    const at = mine.indexOf(spec);
    if (at >= this._users.plan.user_types.length) throw new Error('engine: loadctl is for scripts in YAML or JSON, whose steps loadctl can read');
    return (context, done) => {
      const due = this._users.userOf(context).takeDue();
      this._live(at, due).then(
        () => done(null, context),
        (error) => done(error, context),
      );
    };
  }

  async _live(at, due) {
    const { shard, shards } = this._users.plan;
    const user = this._idle[at].pop() ?? this._make(shard + this._made++ * shards, at);
    user.become(shard + this._begun++ * shards);
    try {
      await user.act(due);
    } finally {
      if (user.kind.keeps) this._idle[at].push(user);
      else user.close();
    }
  }
}

// Tells the script's load when something was last sent.
class Pauses extends Context {
  constructor(users) {
    super();
    this._users = users;
  }

  stopping(user) {
    const stopping = super.stopping(user);
    if (!stopping) this._users.sentAt = monotonic();
    return stopping;
  }
}
