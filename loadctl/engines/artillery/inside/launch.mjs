// The command of a shard: `node launch.mjs`, the plan on the first line of standard input. Everything else is Artillery's own.
//
// This thread reads standard input and the signals, whatever a script does to the worker: `start <t0>`, `stop`, and the end of
// the stream, which means that loadctl is gone.

import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setEnvironmentData } from 'node:worker_threads';
import { BYE_NOW, Control, EXIT, EXIT_STOPPED, LEAVE_NOW, LOADED, STOPPING, newFlags } from './control.mjs';

// How long after loadctl's end the shard may take to say bye by itself.
const GRACE_MS = 1200;
// How long a worker that a script keeps busy may take after a second signal.
const BUSY_MS = 500;
// How long what a worker prints may be under way.
const WORDS_MS = 100;
const TAKEN = new Set(['SIGINT', 'SIGTERM']);

const shared = newFlags();
const control = new Control(shared);

// End this process and all that a script has started. Not a stranger's group: where loadctl did not make this process a
// leader, only itself.
function killGroup() {
  try {
    const fields = fs.readFileSync('/proc/self/stat', 'latin1').replace(/^.*\) /s, '').split(' ');
    if (Number(fields[2]) === process.pid) process.kill(-process.pid, 'SIGKILL');
  } catch {
    // no /proc, or nobody left
  }
  process.kill(process.pid, 'SIGKILL');
}

function obey(line) {
  const [word, moment] = line.split(' ');
  if (word === 'start' && Number.isFinite(Number(moment))) control.begin(Number(moment));
  else if (line === 'stop') control.raise(STOPPING);
}

let gone = false; // loadctl is

function loadctlIsGone() {
  gone = true;
  control.raise(STOPPING);
  control.raise(LEAVE_NOW);
  setTimeout(killGroup, GRACE_MS);
}

// With nobody left to kill what hangs: `process.exit` waits for the worker's threads, now and then for ever.
function leave(code) {
  if (gone) killGroup();
  else if (script !== null && code === EXIT_STOPPED) script.letEnd();
  else process.exit(code);
}

// The plan's text; the words that follow are obeyed as they come.
function listen() {
  return new Promise((resolve) => {
    let first = true;
    const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
    lines.on('line', (line) => {
      if (!first) return obey(line);
      first = false;
      resolve(line);
    });
    lines.on('close', () => (first ? killGroup() : loadctlIsGone()));
  });
}

// The first signal is `stop`; the second says bye and leaves at once. Artillery's own handlers would drop the results.
function takeSignals() {
  let signals = 0;
  for (const name of TAKEN) {
    process.on(name, () => {
      signals += 1;
      control.raise(STOPPING);
      if (signals > 1) {
        control.raise(BYE_NOW);
        setTimeout(() => control.exit(1), BUSY_MS);
      }
    });
  }
  for (const method of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']) {
    const original = process[method];
    process[method] = function (name, ...rest) {
      return TAKEN.has(name) ? this : original.call(this, name, ...rest);
    };
  }
}

// Artillery's worker, started as its local platform starts it. Its command line would first load the clients of two clouds
// and all that a script might name: two thirds of the start.
async function runUserTypes() {
  const [, file] = plan.artillery.arguments;
  globalThis.artillery = { log: console.error, testRunId: `loadctl-${plan.shard}` };
  const { ArtilleryWorker } = await part('platform/local/artillery-worker-local');
  const worker = new ArtilleryWorker();
  const fail = (error) => {
    fs.writeSync(2, `${error?.stack ?? error}\n`);
    control.exit(1);
  };
  worker.events.on('error', fail);
  worker.events.on('workerError', ({ error, level }) => (level === 'warn' ? console.error(error.message) : fail(error)));
  await worker.init();
  await worker.prepare({ script: JSON.parse(fs.readFileSync(file, 'utf8')), options: { scriptPath: file } });
  if (!control.is(LOADED)) {
    // Artillery has warned of it, in words that are still on their way from the worker.
    setTimeout(fail, WORDS_MS, 'Artillery could not load its engine loadctl');
    return;
  }
  await worker.run('{}');
}

// The one that observes a script.
function addPlugin() {
  process.env.ARTILLERY_PLUGINS = JSON.stringify({ ...JSON.parse(process.env.ARTILLERY_PLUGINS ?? '{}'), loadctl: {} });
  const plugins = fileURLToPath(new URL('./plugin', import.meta.url));
  process.env.ARTILLERY_PLUGIN_PATH = [process.env.ARTILLERY_PLUGIN_PATH, plugins].filter(Boolean).join(':');
}

const part = (name) => import(pathToFileURL(`${plan.artillery.package}/dist/lib/${name}.js`).href);

// All that Artillery says is for people, and stands in one place.
process.stdout.write = process.stderr.write.bind(process.stderr);
const text = await listen();
const plan = JSON.parse(text);
const script = plan.script === null ? null : await import('./script/main.mjs');
takeSignals();
control.raised(EXIT).then((code) => leave(code - 1));
process.on('worker', (worker) =>
  worker.once('exit', (code) => {
    if (script !== null) return; // told where a script ends
    fs.writeSync(2, `Artillery's worker ended in the middle of the load (exit ${code})\n`);
    control.exit(1);
  }),
);
setEnvironmentData('loadctl', { text, shared });
if (script === null) await runUserTypes();
else {
  addPlugin();
  await script.run(plan, control, part);
}
