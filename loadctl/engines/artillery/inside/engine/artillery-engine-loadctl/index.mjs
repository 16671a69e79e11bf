// Artillery's engine `loadctl`, whose virtual users are users of user types, or of the scenarios of a script that name it.
// Artillery finds it by NODE_PATH.

import { LOADED, fromMainThread } from '../../control.mjs';
import { Places, countVirtualUsers } from '../../load/places.mjs';
import { Flows } from '../../script/flows.mjs';
import { usersOfScript } from '../../script/users.mjs';
import { runShard } from '../../shard.mjs';

export default class LoadctlEngine {
  constructor(script) {
    const { plan, control } = fromMainThread();
    this._script = script;
    this._plan = plan;
    this._control = control;
    this._places = new Places(plan.places);
  }

  // Artillery waits for it before its first virtual user.
  async init() {
    const { _plan: plan, _control: control } = this;
    if (plan.script !== null) return;
    const counters = await countVirtualUsers(plan.artillery);
    runShard(plan, control, { places: this._places, counters }).then(
      (code) => control.exit(code),
      (error) => control.fail(error),
    );
    control.raise(LOADED);
  }

  createScenario(spec, ee) {
    let live = (context, done) => this._places.join(context, done);
    if (this._plan.script !== null) live = (this._flows ??= new Flows(usersOfScript())).of(spec, this._script);
    return (context, done) => {
      ee.emit('started'); // else Artillery never ends
      live(context, done);
    };
  }
}
