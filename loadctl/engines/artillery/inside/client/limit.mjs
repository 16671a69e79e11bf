// What an answer 429 says of the rate limit in its headers.

// The class of an example that is no failure: a 429 of a declared limit.
export const RATE_LIMITED = 'rate_limited';
const OF_LIMIT = /^(retry-after$|ratelimit|x-ratelimit|x-rate-limit)/;

// `name: value` lines, names in lower case, in the order they came.
export function limitHeaders(headers) {
  const lines = headers.map(([name, value]) => [name.toLowerCase(), value]);
  return lines.filter(([name]) => OF_LIMIT.test(name)).map(([name, value]) => `${name}: ${value}`).join('\n');
}
