// Templates as scenario/template/template.py plans them, compiled once into functions of a user's scope {stream, variables: Map}.

import { isMapping } from './document.mjs';
import { FREE_HELPERS, text } from './draw.mjs';
import { ValueError } from '../client/failure.mjs';
import { beginning } from '../recorder/shortened.mjs';

// A template names a variable that nothing has captured yet.
export class Missing extends ValueError {}

const same = (value) => value;

// Percent-encoded whole, as Python's quote(value, safe="").
export const quote = (value) =>
  encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const quotePlus = (value) => quote(value).replaceAll('%20', '+');

// A text, or a function that makes one. `escape` is applied to the values of expressions only.
export function compileText(plan, escape = same) {
  if (typeof plan === 'string') return plan;
  if (plan.$expr) return escaped(expression(plan.$expr), escape);
  return joined(plan.$text.map((part) => (typeof part === 'string' ? part : escaped(expression(part), escape))));
}

// Values inside a URL are percent-encoded whole, but a URL may begin with one, which then stands as it is.
export function compileUrl(plan) {
  if (!plan.$text) return compileText(plan);
  const escapes = (part, at) => (typeof part === 'string' ? part : escaped(expression(part), at ? quote : same));
  return joined(plan.$text.map(escapes));
}

// `a=1&b=2`; a list repeats its name.
export function compileForm(fields) {
  const parts = fields.flatMap(([name, plan]) => {
    const key = `${quotePlus(name)}=`;
    return ['&', typeof plan === 'string' ? key + quotePlus(plan) : pairs(key, compileValue(plan))];
  });
  return joined(parts.slice(1));
}

// JSON text, from what is ready of it and the values between.
export const compileJson = (plan) => joined(plan.map((part) => (typeof part === 'string' ? part : encoded(compileValue(part)))));

// A function that makes the value itself, with the type of its expression.
export function compileValue(plan) {
  if (plan.$expr) return expression(plan.$expr);
  const made = compileText(plan);
  return typeof made === 'function' ? made : () => made;
}

const encoded = (value) => (scope) => JSON.stringify(value(scope));
const escaped = (value, escape) => (scope) => escape(text(value(scope)));

function pairs(key, value) {
  return (scope) => {
    const found = value(scope);
    return (Array.isArray(found) ? found : [found]).map((item) => key + quotePlus(text(item))).join('&');
  };
}

// Neighbouring texts become one; a text if nothing is left to render.
function joined(parts) {
  const pieces = [''];
  const holes = [];
  for (const part of parts) {
    if (typeof part === 'string') pieces[pieces.length - 1] += part;
    else {
      holes.push(part);
      pieces.push('');
    }
  }
  if (!holes.length) return pieces[0];
  return (scope) => {
    let whole = pieces[0];
    for (let i = 0; i < holes.length; i += 1) whole += holes[i](scope) + pieces[i + 1];
    return whole;
  };
}

function expression([kind, ...rest]) {
  if (kind === 'lit') return () => rest[0];
  if (kind === 'var') return variable(rest[0]);
  if (kind === 'get') return attribute(expression(rest[0]), rest[1]);
  return call(rest[0], rest[1]);
}

function variable(name) {
  return ({ variables }) => {
    if (!variables.has(name)) throw new Missing(`${name} was not captured`);
    return variables.get(name);
  };
}

function attribute(of, name) {
  return (scope) => {
    const found = of(scope);
    if (isMapping(found) && Object.hasOwn(found, name)) return found[name];
    throw new ValueError(`there is no .${name} in ${beginning(JSON.stringify(found), 60)}`);
  };
}

function call(name, planned) {
  const values = planned.map(expression);
  if (Object.hasOwn(FREE_HELPERS, name)) return (scope) => FREE_HELPERS[name](...values.map((value) => value(scope)));
  return (scope) => scope.stream[name](...values.map((value) => value(scope)));
}
