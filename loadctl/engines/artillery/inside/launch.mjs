// The command of a shard: `node launch.mjs`, with the plan on the first line of standard input.
//
// This thread reads the commands `start <t0>` and `stop` from standard input and handles the signals, whatever a script does to
// the worker. The end of the stream means that loadctl is gone.

import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setEnvironmentData } from 'node:worker_threads';
import { BYE_NOW, Control, EXIT, EXIT_STOPPED, LEAVE_NOW, LOADED, STOPPING } from './control.mjs';

// How long the shard may take to write its bye after loadctl has ended.
const GRACE_MS = 1200;
// How long a busy worker may take to leave after a second signal.
const BUSY_MS = 500;
// How long the worker's output may take to arrive.
const OUTPUT_MS = 100;
const SIGNALS = new Set(['SIGINT', 'SIGTERM']);

const control = new Control();
let loadctlIsGone = false;

// End this process and all that a script has started. Where this process does not lead its group, the group is somebody
// else's, and only this process ends.
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
  const [command, t0] = line.split(' ');
  if (command === 'start' && Number.isFinite(Number(t0))) control.begin(Number(t0));
  else if (line === 'stop') control.raise(STOPPING);
}

function leaveWithoutLoadctl() {
  loadctlIsGone = true;
  control.raise(STOPPING);
  control.raise(LEAVE_NOW);
  setTimeout(killGroup, GRACE_MS);
}

// `process.exit` waits for the worker's threads, occasionally for ever; without loadctl nobody would kill this process then.
function leave(code) {
  if (loadctlIsGone) killGroup();
  else if (script !== null && code === EXIT_STOPPED) script.letEnd();
  else process.exit(code);
}

// The plan's text. The commands that follow are obeyed as they come.
function listen() {
  return new Promise((resolve) => {
    let first = true;
    const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
    lines.on('line', (line) => {
      if (!first) return obey(line);
      first = false;
      resolve(line);
    });
    lines.on('close', () => (first ? killGroup() : leaveWithoutLoadctl()));
  });
}

// The first signal means `stop`; the second writes the bye and leaves at once. Artillery's own handlers, which would drop the
// results, are not installed.
function takeSignals() {
  let signals = 0;
  for (const name of SIGNALS) {
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
      return SIGNALS.has(name) ? this : original.call(this, name, ...rest);
    };
  }
}

// Start Artillery's worker as its local platform does. Its command line would first load the clients of two clouds and
// everything that a script might name, which takes two thirds of the start.
async function runUserTypes() {
  const [, file] = plan.artillery.arguments;
  globalThis.artillery = { log: console.error, testRunId: `loadctl-${plan.shard}` };
  const { ArtilleryWorker } = await part('platform/local/artillery-worker-local');
  const worker = new ArtilleryWorker();
  worker.events.on('error', (error) => control.fail(error));
  worker.events.on('workerError', ({ error, level }) => (level === 'warn' ? console.error(error.message) : control.fail(error)));
  await worker.init();
  await worker.prepare({ script: JSON.parse(fs.readFileSync(file, 'utf8')), options: { scriptPath: file } });
  if (control.is(LOADED)) await worker.run('{}');
  // Artillery's warning about it is still on its way from the worker.
  else setTimeout(() => control.fail('Artillery could not load its engine loadctl'), OUTPUT_MS);
}

// Make Artillery load the plugin that observes a script.
function addPlugin() {
  process.env.ARTILLERY_PLUGINS = JSON.stringify({ ...JSON.parse(process.env.ARTILLERY_PLUGINS ?? '{}'), loadctl: {} });
  const plugins = fileURLToPath(new URL('./plugin', import.meta.url));
  process.env.ARTILLERY_PLUGIN_PATH = [process.env.ARTILLERY_PLUGIN_PATH, plugins].filter(Boolean).join(':');
}

const part = (name) => import(pathToFileURL(`${plan.artillery.package}/dist/lib/${name}.js`).href);

// Artillery's output is for people; all of it goes to stderr.
process.stdout.write = process.stderr.write.bind(process.stderr);
const text = await listen();
const plan = JSON.parse(text);
const script = plan.script === null ? null : await import('./script/main.mjs');
takeSignals();
control.raised(EXIT).then((code) => leave(code - 1));
process.on('worker', (worker) =>
  worker.once('exit', (code) => {
    // script/main.mjs reports the end of a script.
    if (script === null) control.fail(`Artillery's worker ended in the middle of the load (exit ${code})`);
  }),
);
setEnvironmentData('loadctl', { text, shared: control.shared });
if (script === null) await runUserTypes();
else {
  addPlugin();
  await script.run(plan, control, part);
}
