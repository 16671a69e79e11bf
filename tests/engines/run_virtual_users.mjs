// {package, phases} in on stdin; what came of them in Artillery's worker, started as inside/launch.mjs does, out: arrivals of each
// phase, and the counters of virtual users, Artillery's own at its end and ours. Artillery finds the engine `counting` by NODE_PATH.

import { setEnvironmentData } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';

const { package: folder, phases } = JSON.parse(readFileSync(0));
globalThis.artillery = { log: console.error, testRunId: 'test' };
setEnvironmentData('test', { folder });
const { ArtilleryWorker } = await import(pathToFileURL(`${folder}/dist/lib/platform/local/artillery-worker-local.js`).href);
const worker = new ArtilleryWorker();
worker.events.on('error', (error) => {
  throw error;
});
worker.events.on('done', () => setTimeout(() => process.exit(0), 100));
await worker.init();
const script = {
  config: { target: 'http://127.0.0.1:1', phases, engines: { counting: {} } },
  scenarios: [{ engine: 'counting', flow: [] }],
};
await worker.prepare({ script, options: { scriptPath: 'script.json' } });
await worker.run('{}');
