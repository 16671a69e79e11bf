"""A scenario as an Artillery script and its processor, which need nothing but Artillery."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadctl.engines import exported
from loadctl.engines.artillery.pattern import to_javascript
from loadctl.engines.exported import Writer, quoted
from loadctl.engines.json_path import dotted, json_path
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Json, Repeat, Request, Step, Think, UserType

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


_JAVASCRIPT = exported.Language(
    environment="process.env.{}",
    key="[{}]",
    variable="context.vars.{}",
    text="String({})",
    encoded="encodeURIComponent({})",
    constant=json.dumps,
    helpers={
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
    },
)

Conditions = tuple[str, ...]
"""Expressions of JavaScript over `vars`."""


def export(scenario: Scenario) -> Mapping[str, str]:
    """File name → text. Raises: UsageError for a scenario that is a script already."""
    return _Files(exported.without_script(scenario)).texts()


@dataclass(slots=True)
class _Files:
    scenario: Scenario
    functions: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LIBRARY, 1))

    @property
    def _closed(self) -> bool:
        return self.scenario.load.model == "closed"

    @property
    def _write(self) -> Writer:
        return Writer(_JAVASCRIPT, list(self.scenario.secrets))

    def texts(self) -> Mapping[str, str]:
        import yaml

        scenarios = [s for user in self.scenario.user_types for s in self._scenarios(user)]
        config = {
            "target": self._target(),
            "phases": self._phases(),
            "processor": "./processor.js",
            "http": {"timeout": max([request.timeout_s for request in self.scenario.requests()], default=30)},
            "plugins": {"metrics-by-endpoint": {"useOnlyRequestNames": True}},
        }
        script = yaml.safe_dump(
            {"config": config, "scenarios": scenarios}, sort_keys=False, allow_unicode=True, width=110
        )
        head = "".join(f"# {line}\n" if line else "#\n" for line in self._head())
        return {"artillery.yml": head + script, "processor.js": self._processor()}

    def _target(self) -> str:
        """Artillery fills in `$env` there."""
        pieces = self._write.split(self.scenario.host)
        return "".join(f"{{{{ $env.{p.name} }}}}" if isinstance(p, exported.Secret) else p for p in pieces)

    def _head(self) -> Iterator[str]:
        yield " ".join(f"{self.scenario.name}: {self.scenario.goal}".split())
        yield "Written by `loadctl export`; runs with Artillery alone:  artillery run artillery.yml"
        yield ""
        yield "What loadctl does and this file does not:"
        yield from (f"* {line}" for line in exported.LOST)
        yield "* a timeout on the whole request: Artillery's ends with the headers"
        if self._closed:
            yield "* users that survive a transport error, and that leave when the load falls"
        elif any(step.once for user in self.scenario.user_types for step in user.start):
            yield "* once: Artillery's users are new with each arrival, and each takes all start steps"

    def _phases(self) -> list[dict[str, Json]]:
        """Closed: users arrive while the load rises, and stay. Open: as it is, in whole numbers, as Artillery wants them."""
        phases: list[dict[str, Json]] = []
        users = 0
        for stage in self.scenario.load.stages:
            seconds, name = round(stage.duration_s), stage.name
            if not self._closed:
                start, end = round(stage.start), round(stage.end)
                ramp: dict[str, Json] = {} if start == end else {"rampTo": end}
                phases.append({"duration": seconds, "arrivalRate": start, **ramp, "name": name})
                continue
            more = round(max(stage.start, stage.end)) - users
            users += max(0, more)
            if more > 0 and stage.holds:
                phases.append({"duration": 1, "arrivalCount": more, "name": name})
                seconds -= 1
            elif more > 0:
                phases.append({"duration": seconds, "arrivalCount": more, "name": name})
                continue
            if seconds > 0:
                phases.append({"pause": seconds, "name": name})
        return phases

    # -- scenarios -------------------------------------------------------------------------------------------

    def _scenarios(self, user: UserType) -> Iterator[dict[str, Json]]:
        begin = self._function(f"begin {user.name}", self._begin(user))
        start = [{"function": begin}, *self._flow(user.start, user, ())]
        if not self._closed:  # an arrival takes its start steps and one task
            for task in user.tasks:
                name = f"{user.name}: {task.name}"
                yield {
                    "name": name,
                    "weight": user.weight * task.weight,
                    "flow": [*start, *self._flow(task.flow, user, ())],
                }
            return
        weights = json.dumps([task.weight for task in user.tasks])
        choose = self._function(f"choose {user.name}", [f"context.vars.task = pick({weights});", "done();"])
        turn: list[Json] = [{"function": choose}]
        for number, task in enumerate(user.tasks):
            turn += self._flow(task.flow, user, (f"vars.task === {number}",))
        if user.think or user.pace_s:
            low, high = (user.think.min_s, user.think.max_s) if user.think else (user.pace_s, user.pace_s)
            turn.append({"function": self._pause(f"think {user.name}", low or 0, high or 0, ())})
        yield {
            "name": user.name,
            "weight": user.weight,
            "flow": [*start, {"loop": turn, "whileTrue": "untilTheEnd"}],
        }

    def _begin(self, user: UserType) -> Iterator[str]:
        yield "context.vars.user = users++;"
        if user.data:
            variable = exported.rows_variable(user, self.scenario)
            if variable is None:
                rows = json.dumps([dict(row) for row in user.data], ensure_ascii=False)
            else:
                columns = json.dumps(list(user.data[0]))
                yield f"// {variable}: the path of a CSV file with the columns {columns}; set it before you start"
                rows = f"readRows('{variable}')"
            yield f"const rows = {rows};"
            yield "context.vars.row = rows[context.vars.user % rows.length];"
        yield "done();"

    def _flow(self, steps: Sequence[Step], user: UserType, when: Conditions) -> Iterator[Json]:
        """`when`: only while all of these hold."""
        for step in steps:
            if isinstance(step, Think):
                yield {"function": self._pause("pause", step.min_s, step.max_s, when)}
            elif isinstance(step, Repeat):
                inner = when if step.while_ is None else (*when, f"!isEmpty(vars.{step.while_})")
                yield {"loop": list(self._flow(step.flow, user, inner)), "count": step.times}
            else:
                yield from self._request(step, user, when)

    def _pause(self, name: str, low: float, high: float, when: Conditions) -> str:
        length = f"{low:g}" if low == high else f"{low:g} + Math.random() * {high - low:g}"
        return self._function(name, [*_only(when), f"pause({length}, done);"])

    def _request(self, request: Request, user: UserType, when: Conditions) -> Iterator[Json]:
        """A function computes what the request sends, another looks at the answer."""
        name = request.endpoint
        yield {"function": self._function(f"before {name}", self._before(request, user, when))}
        what: dict[str, Json] = {"url": "/", "name": name, "beforeRequest": "prepare"}
        if when:
            what["ifTrue"] = self._condition(name, when)
        what["afterResponse"] = self._function(f"after {name}", self._after(request), answer=True)
        yield {request.method.lower(): what}

    def _before(self, request: Request, user: UserType, when: Conditions) -> Iterator[str]:
        yield from _only(when)
        if not when:
            yield "const { vars } = context;"
        yield f"vars.send = {{ url: {self._write.url(request.url)} }};"
        if request.query:
            yield f"vars.send.url += (vars.send.url.includes('?') ? '&' : '?') + new URLSearchParams(pairs({self._write.value(request.query)}));"
        yield "vars.send.headers = {};"
        for name, value in {**user.headers, **request.headers}.items():
            guard = " && ".join(f"vars.{variable} !== undefined" for variable in exported.variables_in(value))
            line = f"vars.send.headers[{quoted(name)}] = {self._write.template(value)};"
            yield f"if ({guard}) {line}" if guard else line
        body = request.body
        if body is not None and body.kind == "json":
            yield f"vars.send.json = {self._write.value(body.json)};"
        elif body is not None and body.kind == "form":
            yield f"vars.send.form = {self._write.value(body.fields)};"
        elif body is not None and body.kind == "raw":
            yield f"vars.send.body = {self._write.template(body.raw)};"
        elif body is not None:
            yield f"vars.send.formData = {self._write.value(body.fields)};"
            for name, path in body.files.items():
                file = f"{{ value: require('node:fs').readFileSync({quoted(path)}), options: {{ filename: {quoted(Path(path).name)} }} }}"
                yield f"vars.send.formData[{quoted(name)}] = {file};"
        yield "done();"

    def _after(self, request: Request) -> Iterator[str]:
        check = request.check
        ranges = [f"({low} <= status && status <= {high})" for low, high in check.status]
        yield "const status = response.statusCode;"
        yield f"if (!({' || '.join(ranges) or 'status < 400'})) return failed(`expected status {exported.status_words(check.status)}, got ${{status}}`);"
        if (
            check.has
            or check.lacks
            or check.json
            or any(not s.startswith(("header ", "cookie ", "regex ")) for s in request.capture.values())
        ):
            yield "const document = JSON.parse(response.body);"
        for path in check.has:
            yield f"if ({self._find(dotted(path))} === undefined) return failed({quoted(f'expected {path} in the response')});"
        for path in check.lacks:
            yield f"if ({self._find(dotted(path))} !== undefined) return failed({quoted(f'expected no {path} in the response')});"
        for path, value in check.json.items():
            found, expected = self._find(dotted(path)), self._write.value(value)
            yield f"if (JSON.stringify({found}) !== JSON.stringify({expected})) return failed({quoted(f'{path} is not as expected')});"
        for text in check.text:
            yield f"if (!response.body.includes({self._write.template(text)})) return failed('the body lacks a text');"
        for name, source in request.capture.items():
            yield f"vars[{quoted(name)}] = {self._source(source)};"
            yield f"if (vars[{quoted(name)}] === undefined) return done(new Error({quoted(f'capture {name}: {source} found nothing')}));"
        yield "done();"

    def _source(self, source: str) -> str:
        kind, _, rest = source.strip().partition(" ")
        if kind == "header":
            return f"response.headers[{quoted(rest.strip().lower())}]"
        if kind == "cookie":
            return f"context._jar.toJSON().cookies.find((cookie) => cookie.key === {quoted(rest.strip())})?.value"
        if kind == "regex":
            pattern, flags = to_javascript(rest.strip())
            return f"new RegExp({quoted(pattern)}, {quoted(flags)}).exec(response.body)?.slice(0, 2).at(-1)"
        return self._find(json_path(source.strip()))

    def _find(self, steps: Sequence[str | int | None]) -> str:
        return f"find(document, {', '.join(quoted('*') if s is None else json.dumps(s, ensure_ascii=False) for s in steps)})"

    # -- the processor ---------------------------------------------------------------------------------------

    def _condition(self, name: str, when: Conditions) -> str:
        found = exported.identifier(f"whether {name}", self.names)
        self.functions.append(f"function {found}(vars) {{\n  return {' && '.join(when)};\n}}")
        return found

    def _function(self, name: str, lines: Iterator[str] | Sequence[str], *, answer: bool = False) -> str:
        found = exported.identifier(name, self.names)
        body = "".join(f"  {line}\n" for line in lines)
        if answer:
            head = "  const { vars } = context;\n  const failed = (why) => (ee.emit('error', why), done());\n"
            self.functions.append(
                f"function {found}(request, response, context, ee, done) {{\n{head}{body}}}"
            )
        else:
            self.functions.append(f"function {found}(context, ee, done) {{\n{body}}}")
        return found

    def _processor(self) -> str:
        functions = "\n\n".join(self.functions)
        seconds = self.scenario.load.duration_s
        prepare = """// What `before_…` has computed goes into the request.
function prepare(request, context, ee, done) {
  const { url, headers, ...body } = context.vars.send;
  request.url = url;
  request.headers = { ...request.headers, ...headers };
  Object.assign(request, body);
  done();
}"""
        pairs = "const pairs = (fields) => Object.entries(fields).flatMap(([name, value]) => [].concat(value).map((one) => [name, String(one)]));"
        used = [
            text
            for name, text in LIBRARY.items()
            if f"{name}(" in functions + ("pick(" if self._closed else "")
        ]
        if "pairs(" in functions:
            used.append(pairs)
        end = f"const end = Date.now() + {seconds:g} * 1000;\n\nfunction untilTheEnd(context, next) {{\n  next(Date.now() < end);\n}}\n\n"
        names = [
            "prepare",
            *(["untilTheEnd"] if self._closed else []),
            *(f.split("(", 1)[0].removeprefix("function ") for f in self.functions),
        ]
        exports = "".join(f"  {name},\n" for name in names)
        library = "\n\n".join(used)
        return (
            "// The functions of artillery.yml. Secrets are read from the environment: SECRET_1, SECRET_2, …\n\n"
            f"let users = 0;\n\n{library}\n\n{end if self._closed else ''}{prepare}\n\n{functions}\n\nmodule.exports = {{\n{exports}}};\n"
        )


def _only(when: Conditions) -> Iterator[str]:
    if when:
        yield "const { vars } = context;"
        yield f"if (!({' && '.join(when)})) return done();"
