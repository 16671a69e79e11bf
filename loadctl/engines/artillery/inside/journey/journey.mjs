// The users of user types: journey_plan.py's JSON, compiled once a type, lived by any number of users.
// The rules that both engines follow stand at the head of locust/inside/journey.py.

import { Client } from '../client/client.mjs';
import { Consent } from '../client/consent.mjs';
import { isMapping } from './document.mjs';
import { Stream, hash32 } from './draw.mjs';
import { Network } from '../client/network.mjs';
import { Fault, Request } from './request.mjs';
import { Watchdog } from '../client/watchdog.mjs';

// A script that always breaks must neither spin nor stop the load.
const FAULT_PAUSE_S = 0.5;

// The factory of user k, k counted over all shards; `at`: its user type, else by rotation. `context` is what the load tells its users: stopping(user): the user must not
// begin another request; sleep(user, seconds): false, woken early, because the user must leave.
export function makeUsers(plan, recorder, context) {
  const network = new Network(plan.tls, process.env, new Consent(plan.consent, plan.secret_headers));
  const watchdog = new Watchdog();
  const world = {
    host: plan.host,
    rateLimited: plan.rate_limit !== null,
    patterns: plan.patterns ?? {},
    contentTypes: plan.content_types ?? {},
  };
  const types = plan.user_types.map((each) => new UserType(each, world));
  const { rotation } = plan;
  return (index, at = rotation[index % rotation.length]) => {
    return new User(types[at], index, { seed: plan.seed, client: new Client(network, watchdog), recorder, context });
  };
}

// A user type, compiled: its flows are functions of a user to a promise of whether the turn goes on.
export class UserType {
  constructor(plan, world) {
    this.name = plan.name;
    this._world = world;
    this._headers = plan.headers;
    const flows = [plan.start, ...plan.tasks.map((task) => task.flow)];
    this._optional = new Set(flows.flatMap(watched));
    this.hasStart = plan.start.length > 0;
    this.start = inOrder(plan.start.map((step) => (step.once ? this._once(step) : this._step(step))));
    const once = plan.start.filter((step) => step.once);
    this.keeps = once.length > 0; // something outlives an arrival
    this.kept = captured(once);
    this.tasks = flows.slice(1).map((flow) => this._flow(flow));
    this.weights = plan.tasks.map((task) => task.weight);
    this.think = plan.think;
    this.paceS = plan.pace_s;
    this.rows = plan.data;
  }

  _flow(steps) {
    return inOrder(steps.map((step) => this._step(step)));
  }

  _step(plan) {
    if (plan.kind === 'think') return (user) => user.pause(plan.min_s, plan.max_s);
    if (plan.kind === 'repeat') return this._repeat(plan);
    const request = new Request(plan, { world: this._world, headers: this._headers, optional: this._optional });
    return (user) => user.perform(request);
  }

  _once(plan) {
    const step = this._step(plan);
    return (user) => user.takeOnce(step);
  }

  _repeat(plan) {
    const flow = this._flow(plan.flow);
    return async (user) => {
      for (let i = 0; i < plan.times; i += 1) {
        if (plan.while !== null && isEmpty(user.variables.get(plan.while))) break;
        if (!(await flow(user))) return false;
      }
      return true;
    };
  }
}

// One virtual user; in the open model, whoever is in one place.
export class User {
  constructor(kind, index, { seed, client, recorder, context }) {
    this.kind = kind;
    this.client = client;
    this.due = null;
    this.think = kind.think;
    this.paceS = kind.paceS;
    this._recorder = recorder;
    this._context = context;
    this._seed = seed;
    this._place = index;
    this._placeStream = new Stream(hash32(seed, -1 - index));
    this._taken = new Set();
    this.failed = false; // a request failed since somebody put this to false
    this.variables = new Map();
    this.become(index);
  }

  // Be user `index` from now on. Of who it was, open connections are left, and what `once` steps keep.
  become(index) {
    const { rows, keeps, kept, hasStart } = this.kind;
    this.stream = new Stream(hash32(this._seed, index));
    const number = keeps ? this._place : index;
    const was = kept.filter((name) => this.variables.has(name)).map((name) => [name, this.variables.get(name)]);
    this.variables = new Map([['user', number], ...was]);
    if (rows.length) this.variables.set('row', rows[number % rows.length]);
    this.client.jar.clear();
    this._started = !hasStart;
  }

  // Unless it is taken. It draws from the place's stream: an arrival draws the same, whoever came before it.
  async takeOnce(step) {
    if (this._taken.has(step)) return true;
    const { stream } = this;
    this.failed = false;
    this.client.jar.keeps = true;
    this.stream = this._placeStream;
    let goesOn;
    try {
      goesOn = await step(this);
    } finally {
      this.client.jar.keeps = false;
      this.stream = stream;
    }
    if (goesOn && !this.failed) this._taken.add(step);
    return goesOn;
  }

  // The start steps, unless they are taken.
  async start() {
    if (!this._started) this._started = await this.kind.start(this);
  }

  // One task, by weight, after the start steps where they are still to be taken.
  // The latency of the first request of all these counts from `due` (monotonic seconds, or null).
  async turn(due = null) {
    await this.act(due);
    this._recorder.turn();
  }

  // The same, where somebody else counts the turns.
  async act(due) {
    this.due = due;
    await this.start();
    if (this._started) await this.kind.tasks[this.stream.weighted_index(this.kind.weights)](this);
  }

  async perform(request) {
    if (this._context.stopping(this)) return false;
    try {
      return await request.perform(this, this._recorder);
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      this._recorder.fault(fault.message, request.endpoint);
      await this._context.sleep(this, FAULT_PAUSE_S);
      return false;
    }
  }

  pause(low, high) {
    return this._context.sleep(this, low + (high - low) * this.random());
  }

  random() {
    return this.stream.next() / 4294967296;
  }

  close() {
    this.client.close();
  }
}

function isEmpty(value) {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMapping(value) && Object.keys(value).length === 0;
}

function inOrder(steps) {
  if (steps.length === 1) return steps[0];
  return async (user) => {
    for (const step of steps) if (!(await step(user))) return false;
    return true;
  };
}

function captured(steps) {
  return steps.flatMap((step) => {
    if (step.kind === 'repeat') return captured(step.flow);
    return step.kind === 'request' ? step.capture.map(([name]) => name) : [];
  });
}

// Variables that a `while` looks at.
function watched(steps) {
  return steps
    .filter((step) => step.kind === 'repeat')
    .flatMap((step) => [...watched(step.flow), ...(step.while === null ? [] : [step.while])]);
}
