// Users of user types: the JSON of shard_plan.py, compiled once for each type and used by any number of users.
// The rules that both engines follow are at the head of locust/inside/journey/journey.py.

import { Client } from '../client/client.mjs';
import { Consent } from '../client/consent.mjs';
import { Network } from '../client/network.mjs';
import { Stream, hash32 } from './draw.mjs';
import { CompiledRequest, Fault } from './request.mjs';

// A script that always breaks must neither spin nor stop the load.
const FAULT_PAUSE_S = 0.5;

// A function that makes user k, k counted over all shards; `at`: its user type, else by rotation. `signal` stops users that have no signal
// of their own: {stopped: a user must not begin another request; pause(seconds): sleeps, until stopped at the longest}.
export function makeUsers(plan, recorder, signal) {
  const network = new Network(plan.tls, process.env, new Consent(plan.consent, plan.secret_headers));
  const world = {
    host: plan.host,
    rateLimited: plan.rate_limit !== null,
    patterns: plan.patterns ?? {},
    contentTypes: plan.content_types ?? {},
  };
  const types = plan.user_types.map((each) => new UserType(each, world));
  const { rotation } = plan;
  return (index, at = rotation[index % rotation.length]) =>
    new User(types[at], index, { seed: plan.seed, client: new Client(network), recorder, signal });
}

// A compiled user type. Its flows are functions of a user that resolve to whether the turn goes on.
class UserType {
  constructor(plan, world) {
    this._world = world;
    this._headers = plan.headers;
    const flows = [plan.start, ...plan.tasks.map((task) => task.flow)];
    this._optional = new Set(flows.flatMap(watched));
    this.hasStart = plan.start.length > 0;
    this.start = inOrder(plan.start.map((step) => this._startStep(step)));
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
    const request = new CompiledRequest(plan, { world: this._world, headers: this._headers, optional: this._optional });
    return (user) => user.perform(request);
  }

  _startStep(plan) {
    const step = this._step(plan);
    return plan.once ? (user) => user.takeOnce(step) : step;
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

// One virtual user; in the open model it becomes one arrival after another.
export class User {
  constructor(kind, index, { seed, client, recorder, signal }) {
    this.kind = kind;
    this.client = client;
    this.due = null;
    this.signal = signal;
    this.think = kind.think;
    this.paceS = kind.paceS;
    this._recorder = recorder;
    this._seed = seed;
    this._place = index;
    this._placeStream = new Stream(hash32(seed, -1 - index));
    this._taken = new Set();
    this.failed = false; // a request failed since this was last reset
    this.variables = new Map();
    this.become(index);
  }

  // Become user `index`. Open connections stay, and so does what `once` steps keep.
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

  // Take a `once` step unless it is done. It draws from a stream of its own: an arrival then draws the same, whoever came before it.
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

  // The start steps, unless they are done.
  async start() {
    if (!this._started) this._started = await this.kind.start(this);
  }

  // One task, drawn by weight, after the start steps if they are not done.
  // The latency of the first request counts from `due` (monotonic seconds, or null).
  async turn(due = null) {
    await this.runTask(due);
    this._recorder.turn();
  }

  // The same, for a caller that counts the turns itself.
  async runTask(due) {
    this.due = due;
    await this.start();
    if (this._started) await this.kind.tasks[this.stream.weighted_index(this.kind.weights)](this);
  }

  async perform(request) {
    if (this.signal.stopped) return false;
    try {
      return await request.perform(this, this._recorder);
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      this._recorder.fault(fault.message, request.endpoint);
      await this.signal.pause(FAULT_PAUSE_S);
      return false;
    }
  }

  async pause(low, high) {
    await this.signal.pause(low + (high - low) * this.random());
    return !this.signal.stopped;
  }

  random() {
    return this.stream.next() / 4294967296;
  }

  close() {
    this.client.close();
  }
}

function isEmpty(value) {
  return value === undefined || value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
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

// Variables that a `while` depends on.
function watched(steps) {
  return steps
    .filter((step) => step.kind === 'repeat')
    .flatMap((step) => [...watched(step.flow), ...(step.while === null ? [] : [step.while])]);
}
