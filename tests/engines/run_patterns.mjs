// [source, flags, text] in on stdin; the match and its groups out, nothing where there is none.

import { readFileSync } from 'node:fs';

const cases = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(cases.map(([source, flags, text]) => [...(new RegExp(source, flags).exec(text) ?? [])])));
