// What a response must satisfy. A check says in one sentence what was expected and what was received.

import { isDeepStrictEqual } from 'node:util';
import { shortened } from '../client/failure.mjs';
import { NOTHING, dotted, lookup } from './capture.mjs';
import { exact } from './document.mjs';
import { compileJson, compileText, compileValue } from './render.mjs';

// A test of a status, and its wording. No ranges: all below 400.
export function compileStatus(ranges) {
  if (!ranges.length) return [(status) => status < 400, 'below 400'];
  const words = ranges.map(([low, high]) => {
    const century = low % 100 === 0 && high === low + 99;
    return century ? `${low / 100}xx` : low === high ? String(low) : `${low}..${high}`;
  });
  return [(status) => ranges.some(([low, high]) => low <= status && status <= high), words.join(' or ')];
}

// All parts but status and within: functions of (reply, scope) that return a sentence, or null if the check holds; may throw ValueError.
export function compileCheck(plan) {
  const parts = [['has', has], ['lacks', lacks], ['text', contains]];
  const complaints = parts.flatMap(([part, make]) => plan[part].map((each) => compiled(each, make)));
  return [...complaints, ...plan.json.map(([path, expected]) => equals(path, expected))];
}

function compiled(plan, make) {
  const text = compileText(plan);
  return typeof text === 'string' ? make(text) : (reply, scope) => make(text(scope))(reply, scope);
}

function has(path) {
  const steps = dotted(path);
  const message = `expected ${path} in the response, it is absent or null`;
  return (reply) => (lookup(reply.document, steps) === NOTHING ? message : null);
}

function lacks(path) {
  const steps = dotted(path);
  return (reply) => {
    const found = lookup(reply.document, steps);
    return found === NOTHING ? null : `expected no ${path} in the response, got ${shown(exact(found, path))}`;
  };
}

function equals(path, expected) {
  const steps = dotted(path);
  const value = compileExpected(expected);
  return (reply, scope) => {
    const found = exact(lookup(reply.document, steps), path);
    const wanted = value(scope);
    if (found === NOTHING ? wanted === null : same(found, wanted)) return null;
    return `expected ${path} to be ${shown(wanted)}, got ${found === NOTHING ? 'nothing' : shown(found)}`;
  };
}

function compileExpected(plan) {
  if (plan.length === 1 && typeof plan[0] !== 'string') return compileValue(plan[0]);
  const json = compileJson(plan);
  if (typeof json === 'function') return (scope) => JSON.parse(json(scope));
  const value = JSON.parse(json);
  return () => value;
}

function contains(words) {
  return (reply) => (reply.text.includes(words) ? null : `expected the text ${shown(words)} in the body`);
}

// Equal as JSON: true is not 1, but -0 is 0.
const same = (found, wanted) => found === wanted || isDeepStrictEqual(plain(found), plain(wanted));
const plain = (value) => JSON.parse(JSON.stringify(value));
const shown = (value) => shortened(JSON.stringify(value), 80);
