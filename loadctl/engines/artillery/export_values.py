"""Values of a scenario in the words of JavaScript, for an exported processor, and the functions that they call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadctl.engines.exported import Secret, Secrets
from loadctl.scenario.expression import Attribute, Call, Expression, Literal, Variable
from loadctl.scenario.template import parse

if TYPE_CHECKING:
    from loadctl.scenario.user_type import Json

_HELPERS: Mapping[str, str] = {
    "random_int": "randomInt({})",
    "random_float": "randomFloat({})",
    "random_floats": "randomFloats({})",
    "random_string": "randomString({})",
    "random_choice": "randomChoice({})",
    "uuid": "randomUUID()",
    "int": "parseInt({}, 10)",
    "float": "Number({})",
    "str": "String({})",
    "now": "new Date().toISOString()",
    "timestamp": "Date.now()",
}
LIBRARY: Mapping[str, str] = {
    "randomInt": "const randomInt = (low, high) => low + Math.floor(Math.random() * (high - low + 1));",
    "randomFloat": "const randomFloat = (low, high) => low + Math.random() * (high - low);",
    "randomFloats": "const randomFloats = (n) => Array.from({ length: n }, () => Number(Math.random().toFixed(6)));",
    "randomString": "const randomString = (n) => Array.from({ length: n }, () => Math.floor(Math.random() * 36).toString(36)).join('');",
    "randomChoice": "const randomChoice = (list) => list[Math.floor(Math.random() * list.length)];",
    "randomUUID": "const { randomUUID } = require('node:crypto');",
    "find": """// What stands at the end of the steps, or undefined; '*' is every item of a list.
function find(document, ...steps) {
  for (const [at, step] of steps.entries()) {
    if (step === '*') return (document ?? []).map((item) => find(item, ...steps.slice(at + 1))).filter((item) => item != null);
    document = Array.isArray(document) ? document.at(Number(step)) : document?.[step];
  }
  return document ?? undefined;
}""",
    "readRows": r"""const tables = {};

// The rows of the CSV file that a variable of the environment names; it is read once.
function readRows(variable) {
  if (tables[variable]) return tables[variable];
  const text = require('node:fs').readFileSync(process.env[variable], 'utf8').replace(/^\uFEFF/, '');
  const lines = [[]];
  for (const [, cell, end] of text.matchAll(/("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|\n|\r|$)/g)) {
    lines.at(-1).push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end !== ',') lines.push([]);
  }
  const [names, ...rows] = lines.filter((line) => line.some(Boolean));
  tables[variable] = rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? ''])));
  return tables[variable];
}""",
    "isEmpty": "const isEmpty = (value) => value == null || value === '' || (typeof value === 'object' && !Object.keys(value).length);",
    "pause": """function pause(seconds, done) {
  setTimeout(done, seconds * 1000);
}""",
    "pick": """// An index of the weights, by weight.
function pick(weights) {
  let left = Math.random() * weights.reduce((sum, weight) => sum + weight, 0);
  return weights.findIndex((weight) => (left -= weight) < 0);
}""",
}


@dataclass(frozen=True, slots=True)
class Values:
    """Every method returns an expression of JavaScript; `context.vars` holds what a user has captured."""

    secrets: Secrets

    def url(self, text: str) -> str:
        pieces = [
            self.literal(part)
            if isinstance(part, str)
            else f"encodeURIComponent({self.code(part)})"
            if at
            else f"String({self.code(part)})"
            for at, part in enumerate(parse(text).parts)
        ]
        return " + ".join(pieces)

    def template(self, text: str) -> str:
        pieces = [
            self.literal(p) if isinstance(p, str) else f"String({self.code(p)})" for p in parse(text).parts
        ]
        return " + ".join(pieces) or "''"

    def value(self, value: Json) -> str:
        if isinstance(value, str):
            template = parse(value)
            return self.template(value) if template.whole is None else self.code(template.whole)
        if isinstance(value, Mapping):
            return "{ " + ", ".join(f"{quoted(k)}: {self.value(v)}" for k, v in value.items()) + " }"
        if isinstance(value, Sequence):
            return "[" + ", ".join(self.value(item) for item in value) + "]"
        return json.dumps(value)

    def code(self, expression: Expression) -> str:
        match expression:
            case Literal(value):
                return json.dumps(value, ensure_ascii=False)
            case Variable(name):
                return f"context.vars.{name}"
            case Attribute(of, name):
                return f"{self.code(of)}[{quoted(name)}]"
            case Call(name, arguments):
                return _HELPERS[name].format(", ".join(self.code(argument) for argument in arguments))

    def literal(self, text: str) -> str:
        pieces = [
            f"process.env.{p.name}" if isinstance(p, Secret) else quoted(p) for p in self.secrets.split(text)
        ]
        return " + ".join(pieces) or "''"


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
