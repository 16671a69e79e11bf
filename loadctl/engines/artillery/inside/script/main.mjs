// Artillery's own command line in the main thread of a shard, and how a script ends it: exit codes and faults.

import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { pathToFileURL } from 'node:url';
import { monotonic } from '../load/clock.mjs';
import { BYE, EXIT, EXIT_REFUSED, EXIT_STOPPED, HELLO } from '../control.mjs';
import { redaction } from '../recorder/redaction.mjs';
import { faultOf, placeOf } from './failure.mjs';

// How long a script may take to clean up after it is stopped.
const CLEAN_UP_MS = 5000;

// Does what Artillery's own `bin/run` does, without loading every other command first (0.6 s). `part` imports a module of Artillery.
export async function run(plan, control, part) {
  oneWorker();
  anyUser();
  syncBuiltinESMExports();
  quietCompiler(`${plan.artillery.package}/package.json`);
  const ending = new Ending(plan, control);
  process.argv = [process.argv[0], `${plan.artillery.package}/bin/run`, 'run', ...plan.artillery.arguments];
  const [{ createGlobalObject }, { default: captureConsole }, { default: RunCommand }] = await Promise.all(
    ['artillery-global', 'console-capture', 'cmds/run'].map(part),
  );
  await createGlobalObject();
  ending.listen(global.artillery.globalEvents);
  await captureConsole();
  await RunCommand.run(plan.artillery.arguments, pathToFileURL(process.argv[1]).href);
}

// Let a script that is stopped clean up: its `after` hook, its plugins, its compiled processor.
export function letEnd() {
  setTimeout(() => process.exit(EXIT_STOPPED), CLEAN_UP_MS);
  if (global.artillery?.shutdown) global.artillery.shutdown({ exitCode: EXIT_STOPPED, earlyStop: true });
  else process.exit(EXIT_STOPPED);
}

// Make Artillery start a single worker. It starts one for every core but one and splits the load; loadctl's shards do that.
function oneWorker() {
  const cores = os.cpus();
  os.cpus = () => cores.slice(0, 2);
}

// Artillery asks for the user's name and ends where there is none, as for a user of a container who is not in its /etc/passwd.
function anyUser() {
  const known = os.userInfo;
  os.userInfo = (options) => {
    try {
      return known(options);
    } catch {
      const uid = process.getuid();
      return { uid, gid: process.getgid(), username: String(uid), homedir: os.homedir(), shell: null };
    }
  };
}

// Make the TypeScript compiler print nothing: it hangs when it prints errors into a file, which our stderr is. It throws the errors too.
function quietCompiler(beside) {
  const load = createRequire(beside);
  let place;
  try {
    place = load.resolve('esbuild-wasm');
  } catch {
    return; // nothing is compiled then
  }
  const compiler = load(place);
  load.cache[place].exports = { ...compiler, buildSync: (options) => compiler.buildSync({ ...options, logLevel: 'silent' }) };
}

// What an end of a script means. Before its hello the script has refused to run, until its bye it broke off the load. After the
// bye, an exit code (ensure, expect, a plugin) is its verdict and an exception (the hook `after`) its fault; both are recorded, and are
// no failure of the engine.
class Ending {
  constructor(plan, control) {
    this._plan = plan;
    this._control = control;
    this._redact = redaction(plan.secrets);
    this._why = '';
    const end = process.exit;
    process.exit = (code = process.exitCode ?? 0) => end.call(process, this._exitCode(code));
    process.on('exit', () => {
      if (!control.is(HELLO) && !control.is(EXIT)) process.exitCode = EXIT_REFUSED;
    });
    process.on('uncaughtException', (error) => this._raised(error));
    process.on('unhandledRejection', (error) => this._raised(error));
    process.on('worker', (worker) => {
      worker.once('error', (error) => control.is(BYE) && this._raised(error));
      worker.once('exit', (code) => control.is(BYE) || this._workerEnded(code));
      worker.on('message', (message) => message.event === 'workerError' && this._warned(message));
    });
  }

  // The reason for an exit code, where Artillery gives one.
  listen(events) {
    events.on('done', ({ counters }) => {
      const count = counters['plugins.expect.failed'];
      if (count) this._why = `${count} expectation${count > 1 ? 's were' : ' was'} not met`;
    });
    events.on('checks', (checks) => {
      const missed = checks.filter(({ strict, result }) => strict && result !== true && result !== 1);
      if (missed.length) this._why = `not met: ${missed.map(({ original }) => original).join(', ')}`;
    });
  }

  _exitCode(code) {
    if (!this._control.is(BYE)) {
      const where = placeOf(new Error(), this._plan.artillery.package);
      if (where) this._say(`your script ended the process ${this._when()} (exit ${code}, ${where})`);
      return code;
    }
    const cutShort = this._control.is(EXIT) && global.artillery?.suggestedExitCode;
    const own = code === EXIT_STOPPED && this._control.stopping ? 0 : code || cutShort;
    if (own) this._record({ what: 'verdict', code: Math.trunc(own) || 1, why: this._redact(this._why) });
    return this._control.stopping ? EXIT_STOPPED : 0;
  }

  // An error that Artillery does not handle: a hook that fails before the load, or after it.
  _raised(error) {
    const { message, where } = faultOf(error, this._plan.artillery.package);
    if (this._control.is(BYE)) {
      this._record({ what: 'fault', message: this._redact(message), where, t: Math.max(0, monotonic() - this._control.t0) });
      process.exit(0);
    }
    this._say(`${error?.stack ?? error}`);
    this._say(`your script failed ${this._when()}: ${message}${where && ` (${where})`}`);
    process.exit(1);
  }

  // A plugin that is missing; an engine that cannot be created, for which Artillery would wait; a plugin that fails to end.
  _warned({ error, level }) {
    if (level === 'warn') this._record({ kind: 'note', message: this._redact(error.message) });
    else if (!this._control.is(HELLO) || this._control.is(BYE)) this._raised(error);
  }

  _workerEnded(code) {
    this._say(`your script called process.exit: Artillery's worker ended ${this._when()} (exit ${code})`);
    this._control.exit(this._control.is(HELLO) ? 1 : EXIT_REFUSED);
  }

  _when() {
    return this._control.is(HELLO) ? 'in the middle of the load' : 'before the load';
  }

  _say(sentence) {
    fs.writeSync(2, `${sentence}\n`);
  }

  _record(line) {
    fs.appendFileSync(this._plan.frames, `${JSON.stringify({ kind: 'script', ...line })}\n`);
  }
}
