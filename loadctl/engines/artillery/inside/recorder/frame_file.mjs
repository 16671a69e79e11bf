// Where the recorder's lines go: append-only, 0600; each line goes to the kernel at once.

import fs from 'node:fs';

// `giveUp(sentence)` ends the process: load that nobody can record any more is only harm.
export function frameFile(path, giveUp) {
  const fd = fs.openSync(path, 'a', 0o600);
  return (line) => {
    let data = Buffer.from(line);
    try {
      while (data.length) data = data.subarray(fs.writeSync(fd, data));
    } catch (error) {
      giveUp(`frames cannot be written: ${error.message}`);
    }
  };
}
