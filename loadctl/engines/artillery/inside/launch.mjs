// The command of a shard: `node launch.mjs`, the plan on the first line of standard input. Everything else is Artillery's own.
//
// This thread reads standard input and the signals, whatever a script does to the worker: `start <t0>`, `stop`, and the end of
// the stream, which means that loadctl is gone.

import fs from 'node:fs';
import os from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setEnvironmentData } from 'node:worker_threads';
import { syncBuiltinESMExports } from 'node:module';
import { BYE, BYE_NOW, Control, EXIT, EXIT_STOPPED, LEAVE_NOW, LOADED, STOPPING, newFlags } from './flags.mjs';

// How long after loadctl's end the shard may take to say bye by itself.
const GRACE_MS = 1200;
// How long a worker that a script keeps busy may take after a second signal.
const BUSY_MS = 500;
// How long a script that is stopped may take to clean up.
const CLEAN_UP_MS = 5000;
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
  else if (plan.script !== null && code === EXIT_STOPPED) letScriptEnd();
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

// Artillery starts a worker for every core but one, and splits the load over them; loadctl's shards do that.
function oneWorker() {
  const cores = os.cpus();
  os.cpus = () => cores.slice(0, 2);
  syncBuiltinESMExports();
}

// A script may judge itself (ensure, expect): that is told, but it is not the verdict, and no failure of the engine.
function tellOwnVerdict() {
  const end = process.exit;
  process.exit = (code) => {
    if (control.is(BYE) && control.stopping) return end.call(process, EXIT_STOPPED);
    const own = { 1: 'ensure', 21: 'expect' }[code];
    if (!own || !control.is(BYE)) return end.call(process, code);
    const message = `the script's own checks (${own}) failed: Artillery ended with ${code}`;
    fs.appendFileSync(plan.frames, `${JSON.stringify({ kind: 'note', message })}\n`);
    return end.call(process, 0);
  };
}

// A script that is stopped cleans up behind itself: its `after` hook, its plugins, its compiled processor.
function letScriptEnd() {
  setTimeout(() => process.exit(EXIT_STOPPED), CLEAN_UP_MS);
  if (global.artillery?.shutdown) global.artillery.shutdown({ exitCode: EXIT_STOPPED, earlyStop: true });
  else process.exit(EXIT_STOPPED);
}

// Artillery's worker, started as its local platform starts it. Its command line would first load the clients of two clouds
// and all that a script might name: two thirds of the start.
async function runUserTypes() {
  const [, script] = plan.artillery.arguments;
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
  await worker.prepare({ script: JSON.parse(fs.readFileSync(script, 'utf8')), options: { scriptPath: script } });
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

// What Artillery's own `bin/run` does, without loading every other command first (0.6 s).
async function runScript() {
  addPlugin();
  oneWorker();
  tellOwnVerdict();
  process.argv = [process.argv[0], `${plan.artillery.package}/bin/run`, 'run', ...plan.artillery.arguments];
  const [{ createGlobalObject }, { default: captureConsole }, { default: RunCommand }] = await Promise.all(
    ['artillery-global', 'console-capture', 'cmds/run'].map(part),
  );
  await createGlobalObject();
  await captureConsole();
  await RunCommand.run(plan.artillery.arguments, pathToFileURL(process.argv[1]).href);
}

const part = (name) => import(pathToFileURL(`${plan.artillery.package}/dist/lib/${name}.js`).href);

// All that Artillery says is for people, and stands in one place.
process.stdout.write = process.stderr.write.bind(process.stderr);
const text = await listen();
const plan = JSON.parse(text);
takeSignals();
control.raised(EXIT).then((code) => leave(code - 1));
process.on('worker', (worker) =>
  worker.once('exit', (code) => {
    if (plan.script !== null && code === 0) return; // a script's worker ends by itself
    fs.writeSync(2, `Artillery's worker ended in the middle of the load (exit ${code})\n`);
    control.exit(1);
  }),
);
setEnvironmentData('loadctl', { text, shared });
await (plan.script === null ? runUserTypes() : runScript());
