// Loaded by Artillery beside the script's own plugins: once in its main thread, once in its worker.

import { writeSync } from 'node:fs';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { Control } from '../../control.mjs';
import { Script } from '../../script/script.mjs';
import { LOADCTL } from '../../script/users.mjs';

export const LEGACY_METRICS_FORMAT = false;

export class Plugin {
  constructor(script) {
    if (process.env.LOCAL_WORKER_ID === undefined) {
      setEnvironmentData('loadctl processor', script.__originalProcessor ?? script.config.processor);
      return;
    }
    const { text, shared } = getEnvironmentData('loadctl');
    const plan = JSON.parse(text);
    const control = new Control(shared);
    const fail = (error) => {
      writeSync(2, `${error?.stack ?? error}\n`);
      control.exit(1);
    };
    if (plan.user_types.length) script.config.engines = { ...script.config.engines, [LOADCTL]: {} };
    const engines = Object.keys(script.config.engines ?? {});
    const asked = script.scenarios.map((scenario) => scenario.engine ?? script.config.engine ?? 'http');
    new Script({ plan, control, engines, asked, processor: getEnvironmentData('loadctl processor') }).attach().catch(fail);
  }

  cleanup(done) {
    done(null);
  }
}
