// A plan in on stdin, calls out: the counterpart of run_journey.py.

import { readFileSync } from 'node:fs';
import { monotonic } from '../../loadctl/engines/artillery/inside/load/clock.mjs';
import { makeUsers } from '../../loadctl/engines/artillery/inside/journey/journey.mjs';

// Recorder and signal of the users at once: notes what they are told, and never sleeps.
class Calls {
  constructor(requestsMax) {
    this.told = [];
    this._left = requestsMax;
  }

  begin(endpoint) {
    this._left -= 1;
    return endpoint;
  }

  end(token, { us, error = null, ttfbUs = null, size = 0, rateLimited = false, status = null, message = '', body = Buffer.alloc(0), stale = false }) {
    const facts = { us, error, ttfb_us: ttfbUs, size, rate_limited: rateLimited, status, message, body: body.toString(), stale };
    this.told.push({ call: 'end', endpoint: token, ...facts });
  }

  abandon(token) {
    this.told.push({ call: 'abandon', endpoint: token });
  }

  turn() {
    this.told.push({ call: 'turn' });
  }

  fault(message, endpoint = '') {
    this.told.push({ call: 'fault', message, endpoint });
  }

  get stopped() {
    return this._left <= 0;
  }

  pause(seconds) {
    this.told.push({ call: 'sleep', seconds });
  }
}

const given = JSON.parse(readFileSync(0, 'utf8'));
const calls = new Calls(given.requests_max);
const factory = makeUsers(given.plan, calls, calls);
const users = new Map();
for (const [name, index, argument] of given.acts) {
  if (!users.has(index)) users.set(index, factory(index));
  const user = users.get(index);
  if (name === 'turn') await user.turn(argument === null ? null : monotonic() - argument);
  else user.become(argument);
}
process.stdout.write(JSON.stringify(calls.told), () => process.exit(0));
