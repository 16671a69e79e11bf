// Bring your own: the user's Artillery script, unmodified, under our recorder, and under our load where the scenario gives one.
//
// Artillery makes its arrivals with a phaser that its runner listens to; the listener is caught, so that the load begins at
// t0, stops when it is told to, and follows the scenario's plan instead of the script's phases.

import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Alarm } from '../load/alarm.mjs';
import { monotonic } from '../load/clock.mjs';
import { Boundary } from './boundary.mjs';
import { BYE, EXIT_BEYOND, EXIT_STOPPED, HELLO } from '../control.mjs';
import { drain, sleep, tick } from '../load/load.mjs';
import { Schedule } from '../load/schedule.mjs';
import { hello, openRecorder, sayByeOnce, waitForStart } from '../shard.mjs';
import { Users } from './users.mjs';

const OWN = "the script's own users and clients";
const TICK_S = 0.02;
const LOOK_MS = 100;
// Virtual users of the script's own phases that have sent nothing for so long after the last arrival are not waited for.
const IDLE_S = 60;
// Until a request that was refused is told, before its script is stopped.
const TOLD_MS = 50;
// How long Artillery may take for its own end: hooks, plugins, its report. Less than loadctl waits for it.
const OWN_END_S = { phases: 50, plan: 12 };

export class Script {
  // `engines`: names of those that the script's config asks for; `asked`: of those that its scenarios ask for; `processor`: the path of
  // its functions.
  constructor({ plan, control, engines, asked, processor = '' }) {
    this._plan = plan;
    this._engines = engines;
    this._asked = asked;
    this._control = control;
    this._recorder = openRecorder(plan, control);
    this._bye = sayByeOnce(this._recorder, control);
    this._users = new Users({
      plan,
      recorder: this._recorder,
      file: basename(processor),
      ended: (sent) => this._userEnded(sent),
      broke: (error) => this._fail(error),
    });
    this._boundary = new Boundary(plan, (sentence) => setTimeout(() => this._leaveBecause(sentence), TOLD_MS));
    this._wanted = 0;
    this._skipped = 0;
    this._filling = false; // soon
    this._arrive = null;
    this._over = false;
  }

  // Before Artillery copies the script and loads its engines. Returns at once; `ready` is awaited before the load.
  attach() {
    const { EventEmitter } = createRequire(`${this._plan.artillery.package}/package.json`)('eventemitter3');
    const original = EventEmitter.prototype.on;
    const script = this;
    EventEmitter.prototype.on = function (event, listener, context) {
      if (event === 'phaseStarted' && this.warnings) script._look(this.warnings.engines);
      if (event !== 'arrival' || typeof this.run !== 'function') return original.call(this, event, listener, context);
      script._catchPhaser(this, listener);
      return original.call(this, event, (spec) => script._ownArrival(() => listener.call(this, spec)));
    };
    this._boundary.install();
    this._installed = this._users.install(this._engines);
    return this._installed;
  }

  // Artillery only warns of engines that it could not load, and breaks when the first virtual user arrives.
  _look(broken) {
    const custom = this._asked.filter((name) => !this._users.isArtillerys(name));
    const unknown = custom.find((name) => !this._engines.includes(name));
    if (unknown) this._fail(`Error: a scenario asks for the engine "${unknown}", which config.engines does not name`);
    const [first] = Object.values(broken);
    if (first && custom.length) this._fail(first.error);
  }

  _fail(error) {
    writeSync(2, `${error?.stack ?? error}\n`);
    this._control.exit(1);
  }

  // Artillery's `run` of its phases becomes ours.
  _catchPhaser(phaser, listener) {
    const own = phaser.run;
    this._arrive = () => listener({});
    phaser.run = () => {
      this._run(phaser, own).catch((error) => this._fail(error));
    };
  }

  async _run(phaser, own) {
    const { _plan: plan, _recorder: recorder, _control: control } = this;
    await this._installed;
    hello(plan, recorder, { users: plan.user_types.length ? `${OWN}, and steps of user types on loadctl's engine` : OWN });
    control.raise(HELLO);
    const t0 = await waitForStart(control);
    if (t0 === null) return this._leave();
    recorder.start(t0);
    this._boundary.open = true;
    let ended = false;
    tick(recorder, t0, () => ended);
    const looking = setInterval(() => this._users.look(monotonic()), LOOK_MS);
    const finished = new Promise((resolve) => phaser.once('done', resolve));
    if (plan.own_phases) await this._ownPhases(own, finished);
    else await (plan.model === 'closed' ? this._closed(t0) : this._open(t0));
    const early = control.stopping;
    recorder.catchUp(); // before the gauge changes
    this._over = true;
    this._wanted = 0;
    this._users.park();
    this._gauge();
    await this._drain();
    ended = true;
    this._boundary.open = false;
    clearInterval(looking);
    if (early) return this._leave();
    return this._letArtilleryEnd(phaser);
  }

  _sayBye() {
    if (this._skipped) this._recorder.note(`${this._skipped} arrivals were skipped, because as many virtual users were there as the script's maxVusers allows`);
    this._users.tellMessages();
    this._bye();
    this._control.raise(BYE);
  }

  _leave() {
    this._sayBye();
    this._control.exit(EXIT_STOPPED);
  }

  _leaveBecause(sentence) {
    this._users.park();
    this._bye();
    writeSync(2, `${sentence}\n`);
    this._control.exit(EXIT_BEYOND);
  }

  // Its hooks, plugins and checks have their turn when it knows of no virtual user any more.
  async _letArtilleryEnd(phaser) {
    this._sayBye();
    this._users.release();
    if (!this._plan.own_phases) phaser.emit('done');
    const longest = this._plan.own_phases ? OWN_END_S.phases : OWN_END_S.plan;
    await sleep(longest);
    this._recorder.note(`the script had not ended ${longest} s after its load and was ended: what its hook after, its plugins and ensure say is not known`);
    this._control.exit(0);
  }

  async _drain() {
    const group = { users: this._users };
    Object.defineProperty(group, 'lives', { get: () => this._users.active });
    await drain(this._recorder, this._control, group, this._plan.drain_s);
  }

  // -- the script's own phases ------------------------------------------------------------------------------

  // As long as Artillery would take: until the last virtual user has ended, within bounds.
  async _ownPhases(own, finished) {
    own();
    let over = Infinity;
    finished.then(() => (over = monotonic()));
    const more = () => !this._control.stopping && (over === Infinity || this._goesOn(over));
    while (more()) await sleep(TICK_S);
    if (this._control.stopping) return;
    const longer = monotonic() - over;
    if (this._users.active) this._recorder.note(`${this._users.active} virtual users of the script had not ended ${longer.toFixed(0)} s after its last arrival: they were ended`);
    else if (longer > this._plan.drain_s) {
      this._recorder.note(`the script's virtual users went on for ${longer.toFixed(0)} s after its last arrival: what they sent then counts in its last phase`);
    }
  }

  _goesOn(over) {
    const now = monotonic();
    const busy = this._recorder.inFlight > 0 || now - Math.max(over, this._users.sentAt) < IDLE_S;
    return this._users.active > 0 && now - over < this._plan.outlasts_s && busy;
  }

  _ownArrival(arrive) {
    if (!this._plan.own_phases || this._control.stopping) return;
    this._begin(arrive, null);
  }

  // An arrival: begun, or dropped.
  _begin(arrive, due) {
    const began = this._users.start(arrive, due);
    if (began) this._recorder.planned(due === null ? 0 : Math.max(0, Math.round((monotonic() - due) * 1e6)));
    else if (this._plan.own_phases) this._skipped += 1; // its own maxVusers
    else this._recorder.planned(null);
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
    for (let missing = this._wanted - this._users.active; missing > 0 && !this._over; missing -= 1) this._users.start(this._arrive, null);
    this._gauge();
  }

  // In the closed model another one comes in its place at once; only at the next tick where it had sent nothing: users whose script
  // breaks as they begin would leave the loop no time.
  _userEnded(sent) {
    this._gauge();
    if (this._filling || !sent || this._over || this._plan.model !== 'closed' || this._plan.own_phases) return;
    this._filling = true;
    setImmediate(() => {
      this._filling = false;
      if (!this._control.stopping) this._fill();
    });
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
