// Templates as scenario/template.py plans them, compiled once into functions of a user's scope {stream, variables: Map}.

import { ValueError, beginning } from '../client/failure.mjs';
import { isMapping } from './document.mjs';
import { FREE_HELPERS, text } from './draw.mjs';

// A template names a variable that nothing has captured yet.
export class Missing extends ValueError {}

const same = (value) => value;

// Percent-encoded completely, like Python's quote(value, safe="").
const quote = (value) =>
  encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const quotePlus = (value) => quote(value).replaceAll('%20', '+');

// A text, or a function that renders one. `escapeAt(n)`: what is applied to the value of an expression that is part n.
export function compileText(plan, escapeAt = () => same) {
  if (typeof plan === 'string') return plan;
  const parts = plan.$text ?? [plan.$expr];
  return joined(parts.map((part, at) => (typeof part === 'string' ? part : escaped(expression(part), escapeAt(at)))));
}

// Values inside a URL are percent-encoded completely, except one at the very beginning, which may be a URL itself.
export const compileUrl = (plan) => compileText(plan, (at) => (at ? quote : same));

// `a=1&b=2`; a list repeats its name.
export function compileForm(fields) {
  const parts = fields.flatMap(([name, plan]) => {
    const key = `${quotePlus(name)}=`;
    return ['&', typeof plan === 'string' ? key + quotePlus(plan) : pairs(key, compileValue(plan))];
  });
  return joined(parts.slice(1));
}

// JSON text, from its fixed parts and the values between them.
export const compileJson = (plan) => joined(plan.map((part) => (typeof part === 'string' ? part : encoded(compileValue(part)))));

// A function that returns the value itself, with the type of its expression.
export function compileValue(plan) {
  if (plan.$expr) return expression(plan.$expr);
  const compiled = compileText(plan);
  return (scope) => rendered(compiled, scope);
}

// What compileText and the others return, for one scope.
export const rendered = (compiled, scope) => (typeof compiled === 'function' ? compiled(scope) : compiled);

const encoded = (value) => (scope) => JSON.stringify(value(scope));
const escaped = (value, escape) => (scope) => escape(text(value(scope)));

function pairs(key, value) {
  return (scope) => {
    const found = value(scope);
    return (Array.isArray(found) ? found : [found]).map((item) => key + quotePlus(text(item))).join('&');
  };
}

// Adjacent texts are joined; a plain text if nothing is left to render.
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
  if (kind === 'var') return variable(...rest);
  return kind === 'get' ? attribute(expression(rest[0]), rest[1]) : call(...rest);
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
  return (scope) => (Object.hasOwn(FREE_HELPERS, name) ? FREE_HELPERS : scope.stream)[name](...values.map((value) => value(scope)));
}
