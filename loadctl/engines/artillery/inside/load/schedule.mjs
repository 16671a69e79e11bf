// The planned load: how many users are active at a time, and when arrivals are due. Pure; times are seconds since t0.

// A jump in the number of users is spread evenly over this time.
const HAND_OUT_S = 1;
const GOLDEN = 0.6180339887498949;

const rounded = (level) => Math.floor(level + 0.5);

// The last index whose value is not above `x`.
function lastNotAbove(values, x) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// Stages in order, each {start, end, duration_s}: users, or arrivals per second, of all shards, linearly from `start` to `end`.
export class Schedule {
  constructor(stages) {
    this._stages = stages.filter((stage) => stage.duration_s > 0);
    this._begins = [0];
    this._areas = [0];
    for (const stage of this._stages) {
      this._begins.push(this._begins.at(-1) + stage.duration_s);
      this._areas.push(this._areas.at(-1) + ((stage.start + stage.end) / 2) * stage.duration_s);
    }
  }

  get durationS() {
    return this._begins.at(-1);
  }

  // Users of all shards that are active `t` seconds after the start; none before and after the load.
  // Where the plan jumps, the change is spread evenly over one second, and its first user comes at once.
  usersAt(t) {
    if (!(t >= 0 && t < this.durationS)) return 0;
    const index = lastNotAbove(this._begins, t);
    const stage = this._stages[index];
    const since = t - this._begins[index];
    const planned = rounded(stage.start + ((stage.end - stage.start) * since) / stage.duration_s);
    const before = index ? rounded(this._stages[index - 1].end) : 0;
    const jump = rounded(stage.start) - before;
    const over = Math.min(HAND_OUT_S, stage.duration_s);
    if (!jump || since >= over) return planned;
    const spread = Math.min(Math.abs(jump), Math.floor((since / over) * Math.abs(jump)) + 1);
    return planned - jump + (jump > 0 ? spread : -spread);
  }

  // Number and due time of this shard's arrivals: shard, shard + shards, …
  // Arrival n is due when the integral of the rate reaches n; there are as many as whole numbers below the integral of all stages.
  *arrivals(shard, shards) {
    const total = this._areas.at(-1) - 1e-6; // so that ten a second for 0.1 + 0.2 s is three arrivals, not four
    for (let n = shard; n < total; n += shards) yield [n, this.due(n)];
  }

  // When the integral of the rate reaches n.
  due(n) {
    const index = Math.min(lastNotAbove(this._areas, n) + 1, this._stages.length) - 1;
    const stage = this._stages[index];
    const need = n - this._areas[index];
    const slope = (stage.end - stage.start) / stage.duration_s;
    // start·t + slope·t²/2 = need, in the form that is exact for a slope of 0 and loses no digits near it
    const root = Math.sqrt(Math.max(0, stage.start ** 2 + 2 * slope * need));
    return this._begins[index] + (need > 0 ? (2 * need) / (stage.start + root) : 0);
  }
}

// Where in its think time or pace user `index` begins: 0 ≤ x < 1, evenly spread for any number of users.
export const phase = (index) => (index * GOLDEN) % 1;
