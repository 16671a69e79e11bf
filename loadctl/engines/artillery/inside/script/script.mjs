// A user's own Artillery script, unmodified, under our recorder, and under our load where the scenario gives one.
//
// Artillery makes its arrivals with a phaser that its runner listens to. The listener is intercepted, so that the load begins at
// t0, stops when it is told to, and follows the scenario's plan instead of the script's phases.

import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { BYE, EXIT_BEYOND, EXIT_STOPPED, HELLO } from '../control.mjs';
import { Alarm } from '../load/alarm.mjs';
import { monotonic } from '../load/clock.mjs';
import { followArrivals, followUsers, record, sleep } from '../load/load.mjs';
import { Schedule } from '../load/schedule.mjs';
import { byeOnce, hello, openRecorder, waitForStart } from '../shard.mjs';
import { Boundary } from './boundary.mjs';
import { ARTILLERY_ENGINES, Users } from './users.mjs';

const OWN = "the script's own users and clients";
const TICK_S = 0.02;
const EXPIRE_MS = 100;
// Virtual users of the script's own phases that have sent nothing for this long after the last arrival are not waited for.
const IDLE_S = 60;
// Time to record the refused request before its script is stopped.
const REFUSED_MS = 50;
// How long Artillery's own end may take: hooks, plugins, its report. Less than loadctl waits for it.
const OWN_END_S = { phases: 50, plan: 12 };

export class Script {
  // `engines`: names of those in the script's config; `used`: of those that its scenarios name; `processor`: the path of its functions.
  constructor({ plan, control, engines, used, processor = '' }) {
    this._plan = plan;
    this._engines = engines;
    this._used = used;
    this._control = control;
    this._recorder = openRecorder(plan, control);
    this._bye = byeOnce(this._recorder, control);
    this._users = new Users({
      plan,
      recorder: this._recorder,
      file: basename(processor),
      ended: (sent) => this._userEnded(sent),
      broke: (error) => control.fail(error),
    });
    this._boundary = new Boundary(plan, (sentence) => setTimeout(() => this._leaveBecause(sentence), REFUSED_MS));
    this._isClosed = plan.model === 'closed' && !plan.own_phases;
    this._planned = 0; // users of the closed model
    this._skipped = 0;
    this._filling = false; // soon
    this._arrive = null;
    this._over = false;
  }

  // Called before Artillery copies the script and loads its engines. Returns at once, with a promise that is awaited before the load.
  attach() {
    const { EventEmitter } = createRequire(`${this._plan.artillery.package}/package.json`)('eventemitter3');
    const original = EventEmitter.prototype.on;
    const script = this;
    EventEmitter.prototype.on = function (event, listener, context) {
      if (event === 'phaseStarted' && this.warnings) script._checkEngines(this.warnings.engines);
      if (event !== 'arrival' || typeof this.run !== 'function') return original.call(this, event, listener, context);
      script._intercept(this, listener);
      return original.call(this, event, (spec) => script._ownArrival(() => listener.call(this, spec)));
    };
    this._boundary.install();
    this._installed = this._users.install(this._engines);
    return this._installed;
  }

  // Artillery only warns of engines that it could not load, and breaks when the first virtual user arrives.
  _checkEngines(broken) {
    const custom = this._used.filter((name) => !(name in ARTILLERY_ENGINES));
    const unknown = custom.find((name) => !this._engines.includes(name));
    if (unknown) this._control.fail(`Error: a scenario asks for the engine "${unknown}", which config.engines does not name`);
    const [first] = Object.values(broken);
    if (first && custom.length) this._control.fail(first.error);
  }

  // Artillery's `run` of its phases becomes ours.
  _intercept(phaser, listener) {
    const own = phaser.run;
    this._arrive = () => listener({});
    phaser.run = () => {
      this._run(phaser, own).catch((error) => this._control.fail(error));
    };
  }

  async _run(phaser, own) {
    const { _plan: plan, _recorder: recorder, _control: control } = this;
    await this._installed;
    hello(plan, recorder, { users: plan.user_types.length ? `${OWN}, and steps of user types on loadctl's engine` : OWN });
    control.raise(HELLO);
    const t0 = await waitForStart(control);
    if (t0 === null) return this._leave();
    this._boundary.open = true;
    const expiring = setInterval(() => this._users.expire(monotonic()), EXPIRE_MS);
    const run = { recorder, control, users: this._users, drainS: plan.drain_s };
    const make = () => (plan.own_phases ? this._ownPhases(phaser, own) : this._scenarioLoad(t0));
    const stoppedEarly = await record(t0, run, make, () => this._stop());
    this._boundary.open = false;
    clearInterval(expiring);
    return stoppedEarly ? this._leave() : this._letArtilleryEnd(phaser);
  }

  _stop() {
    this._over = true;
    this._users.signal.stop();
    this._setGauges();
  }

  _sayBye() {
    if (this._skipped) this._recorder.note(`${this._skipped} arrivals were skipped, because the script's maxVusers allows no more virtual users at a time`);
    this._users.sessions.noteMessages();
    this._bye();
    this._control.raise(BYE);
  }

  _leave() {
    this._sayBye();
    this._control.exit(EXIT_STOPPED);
  }

  _leaveBecause(sentence) {
    this._users.signal.stop();
    this._bye();
    this._control.fail(sentence, EXIT_BEYOND);
  }

  // Its hooks, plugins and checks run once Artillery knows of no virtual user any more.
  async _letArtilleryEnd(phaser) {
    this._sayBye();
    this._users.release();
    if (!this._plan.own_phases) phaser.emit('done');
    const longest = this._plan.own_phases ? OWN_END_S.phases : OWN_END_S.plan;
    await sleep(longest);
    this._recorder.note(`the script was ended because it had not ended ${longest} s after its load: what its after hook, its plugins and ensure found is not known`);
    this._control.exit(0);
  }

  // -- the script's own phases ------------------------------------------------------------------------------

  // As long as Artillery would take: until the last virtual user has ended, within bounds.
  async _ownPhases(phaser, own) {
    let over = Infinity;
    phaser.once('done', () => (over = monotonic()));
    own();
    while (!this._control.stopping && (over === Infinity || this._goesOn(over))) await sleep(TICK_S);
    if (this._control.stopping) return;
    const longer = monotonic() - over;
    const after = `${longer.toFixed(0)} s after its last arrival`;
    if (this._users.active) this._recorder.note(`${this._users.active} virtual users of the script were still running ${after} and were ended`);
    else if (longer > this._plan.drain_s) {
      this._recorder.note(`the script's virtual users went on for ${after}: requests sent then count in its last phase`);
    }
  }

  _goesOn(over) {
    const now = monotonic();
    const isBusy = this._recorder.inFlight > 0 || now - Math.max(over, this._recorder.lastBegun) < IDLE_S;
    return this._users.active > 0 && now - over < this._plan.outlasts_s && isBusy;
  }

  _ownArrival(arrive) {
    if (this._plan.own_phases && !this._control.stopping) this._begin(arrive, null);
  }

  // An arrival: begun, or dropped.
  _begin(arrive, due) {
    const began = this._users.start(arrive, due);
    if (began) this._recorder.planned(due === null ? 0 : Math.max(0, Math.round((monotonic() - due) * 1e6)));
    else if (this._plan.own_phases) this._skipped += 1; // its own maxVusers
    else this._recorder.planned(null);
    this._setGauges();
  }

  // -- the scenario's load ----------------------------------------------------------------------------------

  async _scenarioLoad(t0) {
    const { stages, shard, shards, max_in_flight: limit } = this._plan;
    const site = { schedule: new Schedule(stages), recorder: this._recorder, control: this._control, shard, shards };
    if (this._isClosed) {
      await followUsers(t0, site, (planned) => this._fill(planned), TICK_S);
      return;
    }
    const most = Math.max(1, Math.floor(limit / shards) + (shard < limit % shards ? 1 : 0));
    const alarm = new Alarm();
    await followArrivals(t0, site, alarm, (n, due) => {
      if (this._users.active < most) this._begin(this._arrive, due);
      else this._recorder.planned(null);
    });
    await alarm.close();
  }

  // Start as many virtual users as the plan lacks; those beyond the plan are not replaced when they end.
  _fill(planned) {
    this._planned = planned;
    for (let missing = planned - this._users.active; missing > 0 && !this._over; missing -= 1) this._users.start(this._arrive, null);
    this._setGauges();
  }

  // In the closed model another one takes its place at once, but only at the next tick if it had sent nothing: users whose script
  // breaks as they begin would leave the event loop no time.
  _userEnded(sent) {
    this._setGauges();
    if (this._filling || !sent || this._over || !this._isClosed) return;
    this._filling = true;
    setImmediate(() => {
      this._filling = false;
      if (!this._control.stopping) this._fill(this._planned);
    });
  }

  // In the closed model users beyond the plan are leaving.
  _setGauges() {
    const { active } = this._users;
    const staying = this._isClosed ? Math.min(active, this._planned) : active;
    this._recorder.users = this._over ? 0 : staying;
    this._recorder.leaving = active - this._recorder.users;
  }
}
