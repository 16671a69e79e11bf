// What the recorder accumulates during a second: counters and sparse histograms for each endpoint.

// Whole microseconds → bucket, log-linear with 7 significant bits, as in results/histogram.py.
function bucketOf(us) {
  if (us < 0x80000000) {
    const shift = 24 - Math.clz32(us);
    return shift <= 0 ? us : shift * 256 + (us >>> shift);
  }
  const shift = us.toString(2).length - 8;
  return shift * 256 + Math.floor(us / 2 ** shift);
}

// One distribution of one second.
export class Histogram {
  constructor() {
    this.n = 0;
    this._buckets = new Map();
    this._sumUs = 0;
    this._minUs = Infinity;
    this._maxUs = 0;
  }

  add(us) {
    const bucket = bucketOf(us);
    this._buckets.set(bucket, (this._buckets.get(bucket) ?? 0) + 1);
    this.n += 1;
    this._sumUs += us;
    if (us < this._minUs) this._minUs = us;
    if (us > this._maxUs) this._maxUs = us;
  }

  // As in a frame; null if empty.
  cell() {
    const { n, _sumUs, _minUs, _maxUs, _buckets } = this;
    return n ? { n, sum_us: _sumUs, min_us: _minUs, max_us: _maxUs, h: Object.fromEntries(_buckets) } : null;
  }
}

// One endpoint in the current second.
export class Cell {
  constructor() {
    this.ok = new Histogram();
    this.failed = new Histogram();
    this.ttfb = new Histogram();
    this.errors = new Map();
    this.rateLimited = 0;
    this.bytes = 0;
  }

  fail(us, error) {
    this.failed.add(us);
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }
}
