// Scenarios of a script that name the engine `loadctl`: their flows are steps of a user type, and each virtual user takes one turn.

import { makeUsers } from '../journey/journey.mjs';
import { LOADCTL } from './users.mjs';

export class Flows {
  // `users`: the script's, of users.mjs.
  constructor(users) {
    this._users = users;
    this._make = makeUsers(users.plan, users.recorder, users.signal);
    this._begun = 0;
    this._made = 0;
    this._idle = users.plan.user_types.map(() => []); // users of each type that keep something for the next arrival
  }

  // A function that runs a virtual user of scenario `spec` of `script`.
  of(spec, script) {
    const at = script.scenarios.filter((each) => each.engine === LOADCTL).indexOf(spec);
    if (at >= this._users.plan.user_types.length) throw new Error('engine: loadctl is for scripts in YAML or JSON, whose steps loadctl can read');
    return (context, done) => {
      this._live(at, this._users.userOf(context).takeDue()).then(
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
      await user.runTask(due);
    } finally {
      if (user.kind.keeps) this._idle[at].push(user);
      else user.close();
    }
  }
}
