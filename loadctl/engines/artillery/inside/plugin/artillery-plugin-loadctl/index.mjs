// The plugin that observes a script. Artillery loads it twice: in its main thread and in its worker.

import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { fromMainThread } from '../../control.mjs';
import { Script } from '../../script/script.mjs';
import { LOADCTL } from '../../script/users.mjs';

export const LEGACY_METRICS_FORMAT = false;

export class Plugin {
  constructor(script) {
    const { config } = script;
    if (process.env.LOCAL_WORKER_ID === undefined) {
      setEnvironmentData('loadctl processor', script.__originalProcessor ?? config.processor);
      return;
    }
    const { plan, control } = fromMainThread();
    if (plan.user_types.length) config.engines = { ...config.engines, [LOADCTL]: {} };
    const engines = Object.keys(config.engines ?? {});
    const used = script.scenarios.map((scenario) => scenario.engine ?? config.engine ?? 'http');
    const observer = new Script({ plan, control, engines, used, processor: getEnvironmentData('loadctl processor') });
    observer.attach().catch((error) => control.fail(error));
  }
}
