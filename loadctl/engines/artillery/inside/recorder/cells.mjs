// What the recorder keeps while a second runs: per endpoint, counters and sparse histograms.

// Log-linear, 7 significant bits (DESIGN §4): whole microseconds → bucket.
export function bucketOf(us) {
  if (us < 0x80000000) {
    const shift = 24 - Math.clz32(us);
    return shift <= 0 ? us : shift * 256 + (us >>> shift);
  }
  const shift = BigInt(us).toString(2).length - 8;
  return shift * 256 + Math.floor(us / 2 ** shift);
}

// One distribution of one second.
export class Histogram {
  constructor() {
    this.buckets = new Map();
    this.sumUs = 0;
    this.minUs = Infinity;
    this.maxUs = 0;
  }

  add(us) {
    const bucket = bucketOf(us);
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + 1);
    this.sumUs += us;
    if (us < this.minUs) this.minUs = us;
    if (us > this.maxUs) this.maxUs = us;
  }

  get n() {
    let n = 0;
    for (const count of this.buckets.values()) n += count;
    return n;
  }

  cell() {
    return { n: this.n, sum_us: this.sumUs, min_us: this.minUs, max_us: this.maxUs, h: Object.fromEntries(this.buckets) };
  }
}

// One endpoint in the current second.
export class Cell {
  constructor() {
    this.ok = new Histogram();
    this.failed = new Histogram();
    this.ttfb = new Histogram();
    this.errors = new Map();
    this.untimed = 0;
    this.rateLimited = 0;
    this.bytes = 0;
  }

  fail(us, error) {
    this.failed.add(us);
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }
}

export class Endpoint {
  constructor(name) {
    this.name = name;
    this.cell = null;
    this.flights = new Set();
    this.examples = new Map();
  }
}

// A request under way: the token between `begin` and `end`.
export class Flight {
  constructor(endpoint, began) {
    this.endpoint = endpoint;
    this.began = began;
  }
}
