// The load: which users are active when. Users follow the plan and leave by themselves; none is killed while it may be sending.
//
// Closed model: user k of the whole run belongs to shard k mod N; the highest numbers leave first. Open model: arrival n
// belongs to shard n mod N and takes an idle user or a new one, or is dropped. Each user runs in a place of places.mjs.

import { Alarm } from './alarm.mjs';
import { monotonic } from './clock.mjs';
import { LEAVE_NOW } from '../control.mjs';
import { phase } from './schedule.mjs';

// How often the number of users is compared with the plan: while it changes, and while it stays the same.
const TICK_S = 0.02;
const HOLD_TICK_S = 0.1;
const TENTH_S = 0.1;
// Pause of a user whose turn broke: a script that always raises must neither spin nor stop loading.
const RETRY_S = 0.5;
// The drain is over when nothing has been in flight for this long, even if users are still in a pause.
const QUIET_S = 0.25;
const LONGEST_MS = 2 ** 31 - 1;

const milliseconds = (seconds) => Math.min(LONGEST_MS, Math.max(1, Math.round(seconds * 1000)));

export const sleep = (seconds) => new Promise(seconds > 0 ? (resolve) => setTimeout(resolve, milliseconds(seconds)) : setImmediate);

// Tells users to begin no more requests, and ends their pauses.
export class StopSignal {
  constructor() {
    this.stopped = false;
    this._sleepers = new Set();
  }

  stop() {
    this.stopped = true;
    for (const wake of [...this._sleepers]) wake();
  }

  // Sleep, until stopped at the longest.
  pause(seconds) {
    if (!(seconds > 0)) return new Promise(setImmediate);
    if (this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this._sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds(seconds));
      this._sleepers.add(wake);
    });
  }

  async until(time) {
    for (let left; !this.stopped && (left = time - monotonic()) > 0; ) await this.pause(left);
  }
}

// Call `apply` with this shard's part of the planned users, again and again from `t0` to the end of the load, or until told to stop.
export async function followUsers(t0, { schedule, recorder, control, shard, shards }, apply, holdTickS = HOLD_TICK_S) {
  const duration = schedule.durationS;
  const plannedAt = (t) => Math.max(0, Math.ceil((schedule.usersAt(t) - shard) / shards));
  let before = -1;
  for (let t; !control.stopping && (t = monotonic() - t0) < duration; ) {
    recorder.catchUp();
    const planned = plannedAt(t);
    apply(planned);
    const holds = planned === before && plannedAt(Math.min(t + HOLD_TICK_S, duration - 1e-9)) === planned;
    before = planned;
    await sleep(Math.max(0, Math.min(holds ? holdTickS : TICK_S, t0 + duration - monotonic())));
  }
  recorder.catchUp(); // before the gauges change
}

// Call `arrive(n, due)` for each of this shard's arrivals when it is due, to the end of the load or until told to stop.
export async function followArrivals(t0, { schedule, control, shard, shards }, alarm, arrive) {
  for (const [n, due] of schedule.arrivals(shard, shards)) {
    if (!(await alarm.waitUntil(t0 + due, control))) return;
    arrive(n, t0 + due);
  }
  await alarm.waitUntil(t0 + schedule.durationS, control);
}

// Users by number: those below the planned number are active.
// `site`: {schedule, factory, kindOf, recorder, control, places, shard, shards}.
export class Closed {
  constructor(site) {
    this._site = site;
    this._users = [];
    this.ready = Promise.resolve();
  }

  // Follow the plan to its end, or until told to stop; then all users are asked to leave.
  async run(t0) {
    await followUsers(t0, this._site, (planned) => {
      while (this._users.length < planned) this._add();
      this._removeBeyond(planned);
    });
    this._removeBeyond(0);
  }

  _add() {
    const { shard, shards, factory, places, recorder } = this._site;
    const place = places.at(this._users.length);
    const index = shard + this._users.length * shards;
    const user = factory(index);
    user.signal = new StopSignal();
    this._users.push(user);
    recorder.users += 1;
    places.run(place, () => this._live(user, index), faultIn(recorder));
  }

  _removeBeyond(planned) {
    const { recorder } = this._site;
    while (this._users.length > planned) {
      this._users.pop().signal.stop();
      recorder.users -= 1;
      recorder.leaving += 1;
    }
  }

  async _live(user, index) {
    const { recorder } = this._site;
    try {
      await this._takeTurns(user, index);
    } finally {
      user.close();
      if (user.signal.stopped) recorder.leaving -= 1;
      else recorder.users -= 1;
    }
  }

  async _takeTurns(user, index) {
    const { recorder } = this._site;
    const { signal, paceS, think } = user;
    await succeeds(() => user.start(), recorder);
    const period = paceS || (think ? (think[0] + think[1]) / 2 : 0);
    let due = monotonic() + phase(index) * period;
    await signal.until(due);
    while (!signal.stopped) {
      const succeeded = await succeeds(() => user.turn(null), recorder);
      if (paceS) {
        // The user's own grid: a turn that overruns goes to the next free slot, and after a stall of the system users are as
        // spread as before instead of in lock-step.
        due += paceS * Math.max(1, Math.ceil((monotonic() - due) / paceS));
        await signal.until(due);
      } else if (think) await signal.pause(think[0] + (think[1] - think[0]) * user.random());
      else await signal.pause(succeeded ? 0 : RETRY_S);
    }
  }
}

// Arrivals on an absolute schedule. Each takes a free place and an idle user of its kind, else a new one; or it is dropped.
export class Open {
  constructor(site) {
    this._site = site;
    this._used = 0; // places that somebody has had
    this._vacant = []; // those of them that are free
    this._made = 0;
    this._idle = new Map(); // users by their kind
    this._alarm = new Alarm();
    this.ready = this._alarm.ready;
  }

  run(t0) {
    return followArrivals(t0, this._site, this._alarm, (n, due) => this._arrive(n, due));
  }

  _arrive(n, due) {
    const { kindOf, places, recorder } = this._site;
    const place = this._vacant.pop() ?? (this._used < places.count ? places.at(this._used++) : undefined);
    if (!place) return recorder.planned(null);
    const kind = kindOf(n);
    const user = this._user(kind);
    user.become(n);
    recorder.planned(Math.max(0, Math.round((monotonic() - due) * 1e6)));
    recorder.users += 1;
    const turn = async () => {
      await succeeds(() => user.turn(due), recorder);
      recorder.users -= 1;
      this._idle.get(kind).push(user);
      this._vacant.push(place);
    };
    places.run(place, turn, faultIn(recorder));
  }

  _user(kind) {
    const { factory, shard, shards } = this._site;
    if (!this._idle.has(kind)) this._idle.set(kind, []);
    return this._idle.get(kind).pop() ?? factory(shard + this._made++ * shards, kind);
  }
}

const faultIn = (recorder) => (error) => recorder.fault(sentence(error));

// False: it broke by a fault of the generator that its runtime did not expect.
async function succeeds(act, recorder) {
  try {
    await act();
  } catch (error) {
    recorder.turn();
    recorder.fault(sentence(error));
    return false;
  }
  return true;
}

// Record the load that `make()` makes from `t0` to its end, or until told to stop. Then `stop()` is called, which tells the users to begin
// no more requests, and those in flight may finish for `drainS`. `users.active`: how many have not ended.
// Resolves to whether the load was told to stop.
export async function record(t0, { recorder, control, users, drainS }, make, stop) {
  recorder.start(t0);
  const ticking = new StopSignal();
  tick(recorder, t0, ticking);
  await make();
  const stoppedEarly = control.stopping;
  recorder.catchUp(); // before the gauges change
  stop();
  await drain(recorder, control, users, drainS);
  ticking.stop();
  return stoppedEarly;
}

// Users that are only in a pause are not waited for.
async function drain(recorder, control, users, drainS) {
  const deadline = monotonic() + drainS;
  let quietSince = monotonic();
  for (let now; users.active && !control.is(LEAVE_NOW) && (now = monotonic()) < deadline; ) {
    if (recorder.inFlight) quietSince = now;
    else if (now - quietSince > QUIET_S) return;
    await sleep(Math.min(TICK_S, deadline - now));
  }
}

// Measure how late a timer wakes, and write the seconds that are over, until the signal. Once in each tenth of a second, at a random
// time within it: users that keep a pace are all busy at the same times, and a timer in step with them would miss these.
export async function tick(recorder, t0, signal) {
  for (let tenth = 0, due; !signal.stopped; tenth += 1) {
    due = t0 + TENTH_S * (tenth + Math.random());
    if (tenth && due > monotonic()) recorder.writeFrames();
    else await new Promise(setImmediate); // the loop was held up: first all its lags, in the second in which it began
    let left;
    while ((left = due - monotonic()) > 0) await sleep(left);
    if (signal.stopped) return;
    recorder.lag(-left * 1000);
  }
}

const sentence = (error) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
