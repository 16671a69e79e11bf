// Bring your own: the user's Artillery script, unmodified, under our recorder, and under our load where the scenario gives one.
//
// Artillery makes its arrivals with a phaser that its runner listens to; the listener is caught, so that the load begins at
// t0, stops when it is told to, and follows the scenario's plan instead of the script's phases.

import { createRequire } from 'node:module';
import { Alarm } from './alarm.mjs';
import { monotonic } from './clock.mjs';
import { BYE, EXIT_STOPPED } from './flags.mjs';
import { drain, sleep, tick } from './load.mjs';
import { Schedule } from './schedule.mjs';
import { hello, openRecorder, sayByeOnce, waitForStart } from './shard.mjs';
import { Users } from './script_users.mjs';

const TICK_S = 0.02;
const EXPIRE_MS = 100;
// How long Artillery may take for its own end: hooks, plugins, its report.
const OWN_END_MS = 5000;

export class Script {
  constructor({ plan, control }) {
    this._plan = plan;
    this._control = control;
    this._recorder = openRecorder(plan, control);
    this._bye = sayByeOnce(this._recorder, control);
    this._users = new Users({ plan, recorder: this._recorder, ended: () => this._userEnded() });
    this._wanted = 0;
    this._arrive = null;
    this._over = false;
  }

  // Before Artillery copies the script and loads its engines. Returns at once; `ready` is awaited before the load.
  attach() {
    const { EventEmitter } = createRequire(`${this._plan.artillery.package}/package.json`)('eventemitter3');
    const original = EventEmitter.prototype.on;
    const script = this;
    EventEmitter.prototype.on = function (event, listener, context) {
      if (event !== 'arrival' || typeof this.run !== 'function') return original.call(this, event, listener, context);
      script._catchPhaser(this, listener);
      return original.call(this, event, (spec) => script._ownArrival(() => listener.call(this, spec)));
    };
    this._installed = this._users.install();
    return this._installed;
  }

  // Artillery's `run` of its phases becomes ours.
  _catchPhaser(phaser, listener) {
    const own = phaser.run;
    this._arrive = () => listener({});
    phaser.run = () => {
      this._run(phaser, own).catch((error) => {
        process.stderr.write(`${error?.stack ?? error}\n`);
        this._control.exit(1);
      });
    };
  }

  async _run(phaser, own) {
    const { _plan: plan, _recorder: recorder, _control: control } = this;
    await this._installed;
    hello(plan, recorder);
    const t0 = await waitForStart(control);
    if (t0 === null) return this._leave(EXIT_STOPPED);
    recorder.start(t0);
    let ended = false;
    tick(recorder, t0, () => ended);
    const expiring = setInterval(() => this._users.expire(monotonic()), EXPIRE_MS);
    const finished = new Promise((resolve) => phaser.once('done', resolve));
    if (plan.own_phases) await this._ownPhases(own, finished);
    else await (plan.model === 'closed' ? this._closed(t0) : this._open(t0));
    const early = control.stopping;
    recorder.catchUp(); // before the gauge changes
    this._over = true;
    this._wanted = 0;
    this._gauge();
    await this._drain();
    ended = true;
    clearInterval(expiring);
    this._bye();
    control.raise(BYE);
    if (early) return this._leave(EXIT_STOPPED);
    if (!plan.own_phases) phaser.emit('done');
    await sleep(OWN_END_MS / 1000);
    return control.exit(0);
  }

  _leave(code) {
    this._bye();
    this._control.exit(code);
  }

  async _drain() {
    const group = { users: this._users };
    Object.defineProperty(group, 'size', { get: () => this._users.active });
    await drain(this._recorder, this._control, group, this._plan.drain_s);
  }

  // -- the script's own phases ------------------------------------------------------------------------------

  async _ownPhases(own, finished) {
    own();
    let done = false;
    finished.then(() => (done = true));
    while (!done && !this._control.stopping) await sleep(TICK_S);
  }

  _ownArrival(arrive) {
    if (!this._plan.own_phases || this._control.stopping) return;
    this._begin(arrive, null);
  }

  // An arrival: begun, or dropped.
  _begin(arrive, due) {
    const began = this._users.start(arrive, due);
    this._recorder.planned(began ? Math.max(0, due === null ? 0 : Math.round((monotonic() - due) * 1e6)) : null);
    this._gauge();
  }

  // -- the scenario's load ----------------------------------------------------------------------------------

  async _closed(t0) {
    const schedule = new Schedule(this._plan.stages);
    const { shard, shards } = this._plan;
    for (let t; !this._control.stopping && (t = monotonic() - t0) < schedule.durationS; ) {
      this._recorder.catchUp();
      this._wanted = Math.max(0, Math.ceil((schedule.usersAt(t) - shard) / shards));
      this._fill();
      await sleep(Math.max(0, Math.min(TICK_S, t0 + schedule.durationS - monotonic())));
    }
  }

  // As many virtual users as the plan wants; those too many are not replaced when they end.
  _fill() {
    while (!this._over && this._users.active < this._wanted && this._users.start(this._arrive, null));
    this._gauge();
  }

  _userEnded() {
    this._gauge();
    if (!this._over && this._plan.model === 'closed' && !this._plan.own_phases && this._users.active < this._wanted) {
      setImmediate(() => !this._control.stopping && this._fill());
    }
  }

  async _open(t0) {
    const schedule = new Schedule(this._plan.stages);
    const { shard, shards, max_in_flight: limit } = this._plan;
    const most = Math.max(1, Math.floor(limit / shards) + (shard < limit % shards ? 1 : 0));
    const alarm = new Alarm();
    const until = async (moment) => {
      for (let left; !this._control.stopping && (left = moment - monotonic()) > 0; ) {
        await alarm.waitUntil(left < 0.1 ? moment : moment - left + 0.1);
      }
      return !this._control.stopping;
    };
    for (const [, due] of schedule.arrivals(shard, shards)) {
      if (!(await until(t0 + due))) break;
      if (this._users.active < most) this._begin(this._arrive, t0 + due);
      else this._recorder.planned(null);
    }
    await until(t0 + schedule.durationS);
    await alarm.close();
  }

  // In the closed model users beyond the plan are on their way out.
  _gauge() {
    const { active } = this._users;
    const staying = this._plan.model === 'closed' && !this._plan.own_phases ? Math.min(active, this._wanted) : active;
    this._recorder.users = this._over ? 0 : staying;
    this._recorder.leaving = active - this._recorder.users;
  }
}
