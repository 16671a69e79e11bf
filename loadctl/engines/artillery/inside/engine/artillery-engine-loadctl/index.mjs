// Artillery's engine `loadctl`: its virtual users are the users of user types. Loaded by Artillery's worker, which finds it by NODE_PATH.

import { writeSync } from 'node:fs';
import { getEnvironmentData } from 'node:worker_threads';
import { Control, LOADED } from '../../flags.mjs';
import { parseJson } from '../../json.mjs';
import { Places } from '../../places.mjs';
import { runShard } from '../../shard.mjs';
import { countVirtualUsers } from '../../vusers.mjs';

export default class LoadctlEngine {
  constructor() {
    const { text, shared } = getEnvironmentData('loadctl');
    this._plan = parseJson(text);
    this._control = new Control(shared);
    this._places = new Places(this._plan.places);
  }

  // Artillery waits for it before its first virtual user.
  async init() {
    const { _plan: plan, _control: control } = this;
    const counted = await countVirtualUsers(plan.artillery);
    const fail = (error) => {
      writeSync(2, `${error?.stack ?? error}\n`);
      control.exit(1);
    };
    runShard(plan, control, { places: this._places, counted }).then((code) => control.exit(code), fail);
    control.raise(LOADED);
  }

  createScenario(spec, ee) {
    return (context, done) => {
      ee.emit('started'); // else Artillery never ends
      this._places.join(context, done);
    };
  }
}
