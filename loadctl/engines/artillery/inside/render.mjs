// Templates as scenario/template.py plans them, compiled once into functions of a user's scope {stream, variables: Map}.

import { FREE_HELPERS, text } from './draw.mjs';
import { ValueError } from './failure.mjs';
import { beginning, encodeJson, entries, get, has, isMapping } from './json.mjs';

// A template names a variable that nothing has captured yet.
export class Missing extends ValueError {}

const isPlanned = (plan) => isMapping(plan) && (has(plan, '$expr') || has(plan, '$text'));

// No template in it.
export function isStatic(plan) {
  if (isMapping(plan)) return !isPlanned(plan) && entries(plan).every(([, item]) => isStatic(item));
  return Array.isArray(plan) ? plan.every(isStatic) : true;
}

const same = (value) => value;

// Percent-encoded whole, as Python's quote(value, safe="").
export const quote = (value) =>
  encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const quotePlus = (value) => quote(value).replaceAll('%20', '+');

// A text, or a function that makes one. `escape` is applied to the values of expressions only.
export function compileText(plan, escape = same) {
  if (isMapping(plan) && has(plan, '$expr')) return escaped(expression(plan.$expr), escape);
  if (isMapping(plan) && has(plan, '$text')) {
    return joined(plan.$text.map((part) => (typeof part === 'string' ? part : escaped(expression(part), escape))));
  }
  return text(plan);
}

// Values inside a URL are percent-encoded whole, but a URL may begin with one, which then stands as it is.
export function compileUrl(plan) {
  if (!(isMapping(plan) && has(plan, '$text'))) return compileText(plan);
  const escapes = (part, at) => (typeof part === 'string' ? part : escaped(expression(part), at ? quote : same));
  return joined(plan.$text.map(escapes));
}

// `a=1&b=2`; a list repeats its name.
export function compileForm(fields) {
  const parts = [];
  for (const [name, plan] of entries(fields)) {
    const key = `${quotePlus(name)}=`;
    for (const item of Array.isArray(plan) ? plan : [plan]) {
      if (isStatic(item)) parts.push('&', key, quotePlus(text(item)));
      else parts.push('&', pairs(key, compileValue(item)));
    }
  }
  return joined(parts.slice(1));
}

// JSON text; what is static in it is encoded once.
export const compileJson = (plan) => joined(jsonParts(plan));

// A function that makes the value itself, with the type of its expression.
export function compileValue(plan) {
  if (isMapping(plan)) {
    if (has(plan, '$expr')) return expression(plan.$expr);
    if (has(plan, '$text')) {
      const made = compileText(plan);
      return typeof made === 'function' ? made : () => made;
    }
    const items = entries(has(plan, '$map') ? plan.$map : plan).map(([key, item]) => [key, compileValue(item)]);
    return (scope) => new Map(items.map(([key, item]) => [key, item(scope)]));
  }
  if (Array.isArray(plan)) {
    const values = plan.map(compileValue);
    return (scope) => values.map((value) => value(scope));
  }
  return () => plan;
}

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

function jsonParts(plan) {
  if (isPlanned(plan)) {
    const value = compileValue(plan);
    return [(scope) => encodeJson(value(scope))];
  }
  if (isMapping(plan)) {
    const parts = [];
    for (const [key, item] of entries(has(plan, '$map') ? plan.$map : plan)) {
      parts.push(parts.length ? ',' : '{', `${encodeJson(key)}:`, ...jsonParts(item));
    }
    return parts.length ? [...parts, '}'] : ['{}'];
  }
  if (Array.isArray(plan)) {
    const parts = [];
    for (const item of plan) parts.push(parts.length ? ',' : '[', ...jsonParts(item));
    return parts.length ? [...parts, ']'] : ['[]'];
  }
  return [encodeJson(plan)];
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
    if (isMapping(found) && has(found, name)) return get(found, name);
    throw new ValueError(`there is no .${name} in ${beginning(encodeJson(found), 60)}`);
  };
}

function call(name, planned) {
  const values = planned.map(expression);
  if (Object.hasOwn(FREE_HELPERS, name)) return (scope) => FREE_HELPERS[name](...values.map((value) => value(scope)));
  return (scope) => scope.stream[name](...values.map((value) => value(scope)));
}
