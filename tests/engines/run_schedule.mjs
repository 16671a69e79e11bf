// Schedules in on stdin; users at every tenth of a second, and arrivals of every shard, out.

import { readFileSync } from 'node:fs';
import { Schedule, phase } from '../../loadctl/engines/artillery/inside/load/schedule.mjs';

const answers = JSON.parse(readFileSync(0, 'utf8')).map((stages) => {
  const schedule = new Schedule(stages);
  const tenths = Math.floor(schedule.durationS * 10) + 2;
  return {
    users: Array.from({ length: tenths }, (_, tenth) => schedule.usersAt(tenth / 10)),
    arrivals: [0, 1, 2].map((shard) => [...schedule.arrivals(shard, 3)]),
    phases: [0, 1, 7, 1000].map(phase),
  };
});
process.stdout.write(JSON.stringify(answers));
