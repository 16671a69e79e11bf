// What a response must satisfy. A check says in one sentence what was expected and what came.

import { NOTHING, dotted, lookup } from './capture.mjs';
import { encodeJson, entries, get, has, isMapping, shortened } from './json.mjs';
import { compileText, compileValue } from './render.mjs';

// A test of statuses, and how to say it. No ranges: all below 400.
export function compileStatus(ranges) {
  if (!ranges.length) return [(status) => status < 400, 'below 400'];
  const words = ranges.map(([low, high]) => {
    const century = low % 100 === 0 && high === low + 99;
    return century ? `${low / 100}xx` : low === high ? String(low) : `${low}..${high}`;
  });
  return [(status) => ranges.some(([low, high]) => low <= status && status <= high), words.join(' or ')];
}

// All parts but status and within: functions of (reply, scope) to a sentence, or null where it holds; may throw ValueError.
export function compileCheck(plan) {
  const parts = [['has', has_], ['lacks', lacks], ['text', contains]];
  const complaints = parts.flatMap(([part, make]) => plan[part].map((each) => compiled(each, make)));
  return [...complaints, ...entries(plan.json).map(([path, expected]) => equals(path, expected))];
}

function compiled(plan, make) {
  const rendered = compileText(plan);
  return typeof rendered === 'string' ? make(rendered) : (reply, scope) => make(rendered(scope))(reply, scope);
}

function has_(path) {
  const steps = dotted(path);
  const message = `expected ${path} in the response, it is absent or null`;
  return (reply) => (lookup(reply.document, steps) === NOTHING ? message : null);
}

function lacks(path) {
  const steps = dotted(path);
  return (reply) => {
    const found = lookup(reply.document, steps);
    return found === NOTHING ? null : `expected no ${path} in the response, got ${shown(found)}`;
  };
}

function equals(path, expected) {
  const steps = dotted(path);
  const value = compileValue(expected);
  return (reply, scope) => {
    const found = lookup(reply.document, steps);
    const wanted = value(scope);
    if (found === NOTHING ? wanted === null : same(found, wanted)) return null;
    return `expected ${path} to be ${shown(wanted)}, got ${found === NOTHING ? 'nothing' : shown(found)}`;
  };
}

function contains(words) {
  const needle = Buffer.from(words);
  return (reply) => (reply.response.body.includes(needle) ? null : `expected the text ${shown(words)} in the body`);
}

// Equal as JSON: true is not 1.
function same(found, wanted) {
  if (Array.isArray(found)) {
    return Array.isArray(wanted) && found.length === wanted.length && found.every((item, at) => same(item, wanted[at]));
  }
  if (isMapping(found)) {
    const pairs = entries(found);
    return (
      isMapping(wanted) &&
      pairs.length === entries(wanted).length &&
      pairs.every(([key, item]) => has(wanted, key) && same(item, get(wanted, key)))
    );
  }
  // eslint-disable-next-line eqeqeq -- numbers of two types may be equal
  return isNumber(found) && isNumber(wanted) ? found == wanted : found === wanted;
}

const isNumber = (value) => typeof value === 'number' || typeof value === 'bigint';
const shown = (value) => shortened(encodeJson(value), 80);
