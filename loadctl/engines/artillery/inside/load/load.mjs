// The load: who is active when. Users follow the plan and leave by themselves; none is killed while it may be sending.
//
// Closed model: user k of the whole run belongs to shard k mod N; the highest numbers leave first. Open model: arrival n
// belongs to shard n mod N and takes an idle user, a new one, or is dropped. Each lives in a place of places.mjs.

import { Alarm } from './alarm.mjs';
import { monotonic } from './clock.mjs';
import { phase } from './schedule.mjs';

// How often the number of users is held against the plan.
const TICK_S = 0.02;
const HOLD_TICK_S = 0.1;
const TENTH_S = 0.1;
// Pause of a user whose turn broke: a script that always raises must neither spin nor stop loading.
const RETRY_S = 0.5;
// The drain is over when nothing has been in flight for this long, even if users still sit in a pause.
const QUIET_S = 0.25;
const LONGEST_MS = 2 ** 31 - 1;

export const sleep = (seconds) =>
  seconds > 0 ? new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_MS, Math.max(1, Math.round(seconds * 1000))))) : new Promise(setImmediate);

// A user's place in the load: from when it is handed out until its life has ended.
export class Member {
  constructor(index, user = null) {
    this.index = index;
    this.user = user;
    this.leaving = false;
    this._sleepers = new Set();
  }

  leave() {
    this.leaving = true;
    for (const wake of [...this._sleepers]) wake();
  }

  // Sleep, but wake at once when asked to leave.
  pause(seconds) {
    if (!(seconds > 0)) return new Promise(setImmediate);
    if (this.leaving) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this._sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(LONGEST_MS, Math.max(1, Math.round(seconds * 1000))));
      this._sleepers.add(wake);
    });
  }

  async until(moment) {
    for (let left; !this.leaving && (left = moment - monotonic()) > 0; ) await this.pause(left);
  }
}

// What the load tells its users: when to begin no more requests, and pauses that end when they must leave.
export class Context {
  constructor() {
    // In whose pauses users of the open model sleep; it leaves when the load ends.
    this.everyone = new Member(-1);
    this._members = new Map();
  }

  // The user must not begin another request.
  stopping(user) {
    return this.everyone.leaving || (this._members.get(user)?.leaving ?? false);
  }

  // False: woken early, because the user must leave.
  async sleep(user, seconds) {
    const member = this._members.get(user) ?? this.everyone;
    await member.pause(seconds);
    return !member.leaving;
  }

  joins(member) {
    this._members.set(member.user, member);
  }

  hasLeft(member) {
    this._members.delete(member.user);
  }

  stop() {
    this.everyone.leave();
  }
}

// Users by number: those below the planned number are active.
// `site`: {schedule, factory, kindOf, recorder, control, context, places, shard, shards}.
export class Closed {
  constructor(site) {
    this._site = site;
    this._members = [];
    this.ready = Promise.resolve();
  }

  // Follow the plan from `t0` to its end, or until told to stop; then all are asked to leave.
  async run(t0) {
    const { schedule, recorder, control } = this._site;
    const duration = schedule.durationS;
    let was = -1;
    for (let t; !control.stopping && (t = monotonic() - t0) < duration; ) {
      recorder.catchUp();
      const wanted = this._wanted(t);
      this._handOut(wanted);
      this._takeAway(wanted);
      const holding = wanted === was && this._wanted(Math.min(t + HOLD_TICK_S, duration - 1e-9)) === wanted;
      was = wanted;
      await sleep(Math.max(0, Math.min(holding ? HOLD_TICK_S : TICK_S, t0 + duration - monotonic())));
    }
    recorder.catchUp();
    this._takeAway(0);
  }

  // This shard's part of the planned users: the numbers below it that are ours.
  _wanted(t) {
    const { schedule, shard, shards } = this._site;
    return Math.max(0, Math.ceil((schedule.usersAt(t) - shard) / shards));
  }

  _handOut(wanted) {
    const { shard, shards, factory, places, recorder } = this._site;
    while (this._members.length < wanted) {
      const index = shard + this._members.length * shards;
      const member = new Member(index, factory(index));
      const place = places.at(this._members.length);
      this._members.push(member);
      recorder.users += 1;
      places.live(place, () => this._live(member), broken(recorder));
    }
  }

  _takeAway(wanted) {
    const { recorder } = this._site;
    while (this._members.length > wanted) {
      this._members.pop().leave();
      recorder.users -= 1;
      recorder.leaving += 1;
    }
  }

  async _live(member) {
    const { context, recorder } = this._site;
    context.joins(member);
    try {
      await this._takeTurns(member.user, member);
    } finally {
      member.user.close();
      context.hasLeft(member);
      if (member.leaving) recorder.leaving -= 1;
      else recorder.users -= 1;
    }
  }

  async _takeTurns(user, member) {
    const { recorder } = this._site;
    await counted(() => user.start(), recorder);
    const period = user.paceS || (user.think ? (user.think[0] + user.think[1]) / 2 : 0);
    let due = monotonic() + phase(member.index) * period;
    await member.until(due);
    while (!member.leaving) {
      const well = await counted(() => user.turn(null), recorder);
      if (user.paceS) {
        // The user's own grid: a turn that overruns goes to the next free slot, and after a stall of the system users are as
        // spread as before instead of in lock-step.
        due += user.paceS * Math.max(1, Math.ceil((monotonic() - due) / user.paceS));
        await member.until(due);
      } else if (user.think) {
        const [low, high] = user.think;
        await member.pause(low + (high - low) * user.random());
      } else await member.pause(well ? 0 : RETRY_S);
    }
  }
}

// Arrivals on an absolute schedule. Each takes a place that is free, and an idle user of its kind, else a new one; or it is dropped.
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

  async run(t0) {
    const { schedule, kindOf, shard, shards, recorder } = this._site;
    for (const [n, due] of schedule.arrivals(shard, shards)) {
      if (!(await this._waitUntil(t0 + due))) return;
      const place = this._freePlace();
      if (place) this._begin(place, this._user(kindOf(n)), n, t0, due);
      else recorder.planned(null);
    }
    await this._waitUntil(t0 + schedule.durationS);
  }

  // Undefined: all are busy.
  _freePlace() {
    const { places } = this._site;
    return this._vacant.pop() ?? (this._used < places.count ? places.at(this._used++) : undefined);
  }

  _user(kind) {
    const { factory, shard, shards } = this._site;
    return this._idleOf(kind).pop() ?? factory(shard + this._made++ * shards, kind);
  }

  _begin(place, user, n, t0, due) {
    const { kindOf, recorder, places } = this._site;
    user.become(n);
    recorder.planned(Math.max(0, Math.round((monotonic() - t0 - due) * 1e6)));
    recorder.users += 1;
    places.live(place, () => this._arrive(place, user, kindOf(n), t0 + due), broken(recorder));
  }

  _idleOf(kind) {
    if (!this._idle.has(kind)) this._idle.set(kind, []);
    return this._idle.get(kind);
  }

  // False: told to stop.
  async _waitUntil(moment) {
    const { control } = this._site;
    for (let left; !control.stopping && (left = moment - monotonic()) > 0; ) {
      await this._alarm.waitUntil(left < HOLD_TICK_S ? moment : moment - left + HOLD_TICK_S);
    }
    return !control.stopping;
  }

  async _arrive(place, user, kind, due) {
    const { recorder } = this._site;
    await counted(() => user.turn(due), recorder);
    recorder.users -= 1;
    this._idleOf(kind).push(user);
    this._vacant.push(place);
  }
}

const broken = (recorder) => (error) => recorder.fault(sentence(error));

// False: it broke by the generator's own fault, in a way that its runtime did not expect.
async function counted(act, recorder) {
  try {
    await act();
  } catch (error) {
    recorder.turn();
    recorder.fault(sentence(error));
    return false;
  }
  return true;
}

// Let requests in flight finish, for `drainS` at most; whoever only sits in a pause is not waited for.
// `group.lives`: how many have not ended.
export async function drain(recorder, control, group, drainS) {
  const deadline = monotonic() + drainS;
  let quietSince = monotonic();
  for (let now; group.lives && !control.leaveNow && (now = monotonic()) < deadline; ) {
    if (recorder.inFlight) quietSince = now;
    else if (now - quietSince > QUIET_S) return;
    await sleep(Math.min(TICK_S, deadline - now));
  }
}

// Runs until `ended()`: measures how late a timer wakes, and writes the seconds that are over. Once in each tenth of a second, at a
// random moment of it: users that keep a pace are all busy at the same moments, and a timer in step with them would meet none.
export async function tick(recorder, t0, ended) {
  for (let tenth = 0, due; !ended(); tenth += 1) {
    due = t0 + TENTH_S * (tenth + Math.random());
    if (tenth && due > monotonic()) recorder.writeFrames();
    else await new Promise(setImmediate); // the loop was held up: first all its lags, in the second in which it began
    let left;
    while ((left = due - monotonic()) > 0) await sleep(left);
    if (ended()) return;
    recorder.lag(-left * 1000);
  }
}

export const sentence = (error) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
