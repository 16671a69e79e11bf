// Artillery's engine `loadctl`: its virtual users are the users of user types, or of the scenarios of a script that name it. Artillery
// finds it by NODE_PATH.

import { writeSync } from 'node:fs';
import { getEnvironmentData } from 'node:worker_threads';
import { Control, LOADED } from '../../control.mjs';
import { Places } from '../../load/places.mjs';
import { Flows } from '../../script/flows.mjs';
import { usersOfScript } from '../../script/users.mjs';
import { runShard } from '../../shard.mjs';
import { countVirtualUsers } from '../../load/vusers.mjs';

export default class LoadctlEngine {
  constructor(script) {
    const { text, shared } = getEnvironmentData('loadctl');
    this._script = script;
    this._plan = JSON.parse(text);
    this._control = new Control(shared);
    this._places = new Places(this._plan.places);
  }

  // Artillery waits for it before its first virtual user.
  async init() {
    const { _plan: plan, _control: control } = this;
    if (plan.script !== null) return;
    const counted = await countVirtualUsers(plan.artillery);
    const fail = (error) => {
      writeSync(2, `${error?.stack ?? error}\n`);
      control.exit(1);
    };
    runShard(plan, control, { places: this._places, counted }).then((code) => control.exit(code), fail);
    control.raise(LOADED);
  }

  createScenario(spec, ee) {
    const live = this._plan.script === null ? (...user) => this._places.join(...user) : this._flow(spec);
    return (context, done) => {
      ee.emit('started'); // else Artillery never ends
      live(context, done);
    };
  }

  _flow(spec) {
    this._flows ??= new Flows(usersOfScript());
    return this._flows.of(spec, this._script);
  }
}
