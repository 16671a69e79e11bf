// Artillery's own counters of virtual users, as it counts. Its `stats` have them up to five seconds later and its `done` up to a second
// after the last user; nobody shall wait for that before a verdict.

import { pathToFileURL } from 'node:url';

// The counters by name (`vusers.created`, …), from now on.
export async function countVirtualUsers({ package: folder, version }) {
  const { SSMS } = await import(pathToFileURL(`${folder}/dist/lib/core/ssms.js`).href);
  const original = SSMS?.prototype.counter;
  if (typeof original !== 'function') throw new Error(`Artillery ${version} has no counters that can be read`);
  const counted = { 'vusers.created': 0, 'vusers.completed': 0, 'vusers.failed': 0 };
  SSMS.prototype.counter = function (name, value) {
    if (name in counted) counted[name] += value;
    return original.call(this, name, value);
  };
  return counted;
}
