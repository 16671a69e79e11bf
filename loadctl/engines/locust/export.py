"""A scenario as a locustfile that anybody could have written: it needs nothing but Locust."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadctl.engines import exported
from loadctl.engines.exported import Writer
from loadctl.engines.json_path import dotted, json_path
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Body, Check, Repeat, Request, Step, Think, UserType

_PYTHON = exported.Language(
    environment="{}",
    key="{}",
    variable='self.values["{}"]',
    text="str({})",
    encoded='quote(str({}), safe="")',
    constant=repr,
    helpers={
        "random_int": "random.randint({})",
        "random_float": "random.uniform({})",
        "random_floats": "[round(random.random(), 6) for _ in range({})]",
        "random_string": '"".join(random.choices(string.ascii_lowercase + string.digits, k={}))',
        "random_choice": "random.choice({})",
        "uuid": "str(uuid.uuid4())",
        "int": "int({})",
        "float": "float({})",
        "str": "str({})",
        "now": 'datetime.now(timezone.utc).isoformat(timespec="milliseconds")',
        "timestamp": "int(time.time() * 1000)",
    },
)


_FIND = '''
def find(document, *steps):
    """What stands at the end of the steps, or None; "*" is every item of a list."""
    for at, step in enumerate(steps):
        if step == "*":
            found = [find(item, *steps[at + 1 :]) for item in document or []]
            return [item for item in found if item is not None]
        if isinstance(document, list) and str(step).lstrip("-").isdigit():
            document = document[int(step)] if -len(document) <= int(step) < len(document) else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
    return document
'''
_READ_ROWS = '''
def read_rows(variable):
    """The rows of the CSV file that a variable of the environment names."""
    with open(os.environ[variable], newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
'''
_IMPORTS = ("csv", "itertools", "os", "random", "re", "string", "time", "uuid")


def export(scenario: Scenario) -> Mapping[str, str]:
    """File name → text. Raises: UsageError for a scenario that is a script already."""
    return {"locustfile.py": _File(exported.without_script(scenario)).text()}


_NOT_CLASSES = ("HttpUser", "LoadTestShape", "Stages", *keyword.kwlist)


@dataclass(slots=True)
class _File:
    scenario: Scenario
    write: Writer = field(init=False)
    names: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_NOT_CLASSES, 1))

    def __post_init__(self) -> None:
        self.write = Writer(_PYTHON, list(self.scenario.secrets))

    def text(self) -> str:
        classes = "".join(f"\n\n{self._user(user)}" for user in self.scenario.user_types)
        body = classes + f"\n\n{self._shape()}"
        for call, function in (("find(", _FIND), ("read_rows(", _READ_ROWS)):
            body = (f"\n{function}" if call in body else "") + body
        return f'"""{self._head()}"""\n\n{self._imports(body)}{self._secrets(body)}{body}'

    def _head(self) -> str:
        lost = [*exported.LOST]
        if self.scenario.load.model == "open":
            lost.append(
                "arrivals that do not wait for each other: Locust only has users, so each takes one turn a second"
            )
            if any(not step.once for user in self.scenario.user_types for step in user.start):
                lost.append("start steps of every arrival: here each user takes them once")
        if any(user.pace_s for user in self.scenario.user_types):
            lost.append("a pace that skips missed slots: constant_pacing runs late turns at once")
        lines = "\n".join(f"* {line}" for line in lost)
        title = _plain(": ".join(filter(None, [self.scenario.name, self.scenario.goal])))
        return (
            f"{title}\n\nWritten by `loadctl export`; runs with Locust alone:\n\n"
            f"    locust -f locustfile.py --headless\n\nWhat loadctl does and this file does not:\n{lines}\n"
        )

    def _imports(self, body: str) -> str:
        lines = [
            f"import {name}"
            for name in _IMPORTS
            if f"{name}." in body or (name == "os" and "SECRET_" in body)
        ]
        if "datetime.now" in body:
            lines.append("from datetime import datetime, timezone")
        if "quote(" in body:
            lines.append("from urllib.parse import quote")
        names = [n for n in ("HttpUser", "LoadTestShape", "between", "constant_pacing", "task") if n in body]
        return "\n".join(lines) + ("\n\n" if lines else "") + f"from locust import {', '.join(names)}\n"

    def _secrets(self, body: str) -> str:
        used = [f"SECRET_{n}" for n in range(1, len(self.scenario.secrets) + 1) if f"SECRET_{n}" in body]
        return "".join(
            f'\n{name} = os.environ["{name}"]  # a secret: set it before you start\n' for name in used
        )

    # -- users -----------------------------------------------------------------------------------------------

    def _user(self, user: UserType) -> str:
        lines = [f"class {_class(user.name, self.names)}(HttpUser):"]
        lines += [f"    host = {self.write.text(self.scenario.host)}", f"    weight = {user.weight}"]
        if self.scenario.load.model == "open":
            lines.append("    wait_time = constant_pacing(1)")
        elif user.pace_s:
            lines.append(f"    wait_time = constant_pacing({user.pace_s:g})")
        elif user.think:
            lines.append(f"    wait_time = between({user.think.min_s:g}, {user.think.max_s:g})")
        if user.data:
            lines += self._rows(user)
        lines.append("    users = itertools.count()")
        lines += ["", "    def on_start(self):", '        self.values = {"user": next(self.users)}']
        if user.data:
            lines.append('        self.values["row"] = next(self.rows)')
        lines += self._flow(user.start, user, 2)
        taken = dict.fromkeys(("on_start", *keyword.kwlist), 1)
        for task in user.tasks:
            name = exported.identifier(task.name, taken)
            lines += [
                "",
                f"    @task({task.weight})",
                f"    def {name}(self):",
                *self._flow(task.flow, user, 2),
            ]
        return "\n".join(lines) + "\n"

    def _rows(self, user: UserType) -> Iterator[str]:
        variable = exported.rows_variable(user, self.scenario)
        if variable is None:
            yield f"    rows = itertools.cycle({self.write.value([dict(row) for row in user.data])})"
            return
        columns = _plain(", ".join(user.data[0]))
        yield f"    # {variable}: the path of a CSV file with the columns {columns}; set it before you start"
        yield f'    rows = itertools.cycle(read_rows("{variable}"))'

    def _flow(self, steps: Sequence[Step], user: UserType, depth: int) -> Iterator[str]:
        indent = "    " * depth
        for step in steps:
            if isinstance(step, Think):
                yield f"{indent}time.sleep(random.uniform({step.min_s:g}, {step.max_s:g}))"
            elif isinstance(step, Repeat):
                yield f"{indent}for _ in range({step.times}):"
                if step.while_ is not None:
                    yield f'{indent}    if not self.values.get("{step.while_}"):'
                    yield f"{indent}        break"
                yield from self._flow(step.flow, user, depth + 1)
            else:
                yield from self._request(step, user, depth)

    def _request(self, request: Request, user: UserType, depth: int) -> Iterator[str]:
        indent = "    " * depth
        yield from self._headers(request, user, indent)
        yield f"{indent}with self.client.request("
        arguments = [
            self.write.text(request.method.upper()),
            self.write.url(request.url),
            f"name={self.write.text(request.endpoint)}",
        ]
        if user.headers or request.headers:
            arguments.append("headers=headers")
        if request.query:
            arguments.append(f"params={self.write.value(request.query)}")
        if request.body is not None:
            arguments += self._body(request.body)
        arguments += [f"timeout={request.timeout_s:g}", "catch_response=True"]
        yield from (f"{indent}    {argument}," for argument in arguments)
        yield f"{indent}) as response:"
        yield from self._judge(request, indent + "    ")

    def _headers(self, request: Request, user: UserType, indent: str) -> Iterator[str]:
        headers = {**user.headers, **request.headers}
        if not headers:
            return
        yield f"{indent}headers = {{}}"
        for name, value in headers.items():
            guard = " and ".join(f'"{variable}" in self.values' for variable in exported.variables_in(value))
            line = f"headers[{self.write.text(name)}] = {self.write.template(value)}"
            yield f"{indent}if {guard}:\n{indent}    {line}" if guard else f"{indent}{line}"

    def _body(self, body: Body) -> Iterator[str]:
        if body.kind == "json":
            yield f"json={self.write.value(body.json)}"
        elif body.kind == "form":
            yield f"data={self.write.value(body.fields)}"
        elif body.kind == "raw":
            yield f"data=({self.write.template(body.raw)}).encode()"
        else:
            yield f"data={self.write.value(body.fields)}"
            files = ", ".join(
                f"{self.write.text(name)}: ({self.write.text(Path(path).name)}, open({self.write.text(path)}, 'rb'))"
                for name, path in body.files.items()
            )
            yield f"files={{{files}}}"

    def _judge(self, request: Request, indent: str) -> Iterator[str]:
        """Checks and captures; what comes after a capture that found nothing would lack it."""
        for condition, message in self._conditions(request.check):
            yield f"{indent}if not ({condition}):\n{indent}    response.failure({message})\n{indent}    return"
        for name, source in request.capture.items():
            yield f"{indent}self.values[{self.write.text(name)}] = {self._source(source)}"
            yield f"{indent}if self.values[{self.write.text(name)}] is None:"
            yield f"{indent}    response.failure({self.write.text(f'capture {name}: {source} found nothing')})"
            yield f"{indent}    return"
        yield f"{indent}response.success()"

    def _conditions(self, check: Check) -> Iterator[tuple[str, str]]:
        ranges = [f"{low} <= response.status_code <= {high}" for low, high in check.status]
        words = f"expected status {exported.status_words(check.status)}, got "
        yield (
            " or ".join(ranges) or "0 < response.status_code < 400",
            f'"{words}" + str(response.status_code)',
        )
        for path in check.has:
            yield (
                f"{self._find(dotted(path))} is not None",
                self.write.text(f"expected {path} in the response"),
            )
        for path in check.lacks:
            yield (
                f"{self._find(dotted(path))} is None",
                self.write.text(f"expected no {path} in the response"),
            )
        for path, value in check.json.items():
            yield (
                f"{self._find(dotted(path))} == {self.write.value(value)}",
                self.write.text(f"{path} is not as expected"),
            )
        for text in check.text:
            yield f"{self.write.template(text)} in response.text", self.write.text("the body lacks a text")
        if check.within_s is not None:
            limit = f"response.elapsed.total_seconds() <= {check.within_s:g}"
            yield limit, self.write.text(f"expected an answer within {check.within_s * 1000:g} ms")

    def _find(self, steps: Sequence[str | int | None]) -> str:
        return f"find(response.json(), {', '.join(self.write.text('*') if s is None else self.write.value(s) for s in steps)})"

    def _source(self, source: str) -> str:
        kind, _, rest = source.strip().partition(" ")
        if kind == "header":
            return f"response.headers.get({self.write.text(rest.strip())})"
        if kind == "cookie":
            return f"self.client.cookies.get({self.write.text(rest.strip())})"
        if kind == "regex":
            return f"next(iter(re.findall({self.write.text(rest.strip())}, response.text)), None)"
        return self._find(json_path(source.strip()))

    # -- load ------------------------------------------------------------------------------------------------

    def _shape(self) -> str:
        rows = "".join(
            f"        ({stage.start:g}, {stage.end:g}, {stage.duration_s:g}),  # {_plain(stage.name)}\n"
            for stage in self.scenario.load.stages
        )
        return (
            "class Stages(LoadTestShape):\n    stages = (  # users at first, users at last, seconds\n"
            f"{rows}    )\n\n    def tick(self):\n        since = self.get_run_time()\n"
            "        for first, last, seconds in self.stages:\n            if since < seconds:\n"
            "                users = round(first + (last - first) * since / seconds)\n"
            "                return users, max(1, abs(users - self.get_current_user_count()))\n"
            "            since -= seconds\n        return None\n"
        )


def _class(name: str, taken: dict[str, int]) -> str:
    """`MLPlatformUser` stays as it is; what is no name becomes one, none twice."""
    words = "".join(word[0].upper() + word[1:] for word in re.split(r"\W+", name, flags=re.ASCII) if word)
    base = words if words[:1].isalpha() else f"User{words}"
    return exported.unused(base, taken)


def _plain(text: str) -> str:
    """Fit for a comment or a docstring."""
    return (
        " ".join("".join(c if c.isprintable() else " " for c in text).split())
        .replace("\\", "/")
        .replace('"', "'")
    )
