"""Reads user types: start steps, tasks, flows, pauses and data rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec.structs import replace
from pydantic import Field

from loadctl.errors import Where
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.document import Key, Mistakes, Node, Sources
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.reading.requests import METHODS, Names, RequestReader
from loadctl.scenario.reading.words import nearest, no_such
from loadctl.scenario.user_type import (
    MOST_TURNS,
    Repeat,
    Step,
    Task,
    Think,
    UserType,
    cycle_length,
    requests_of,
)

Rows = Sequence[Mapping[str, str]]


Steps = Annotated[Node, keys.part(keys.list_of("step"))]


class UserTypeShape(keys.Shape):
    kind: ClassVar[str] = "a user type"
    weight: keys.Whole | None = None
    """Its share of the users. Default 1."""
    think: keys.Pause | None = None
    """Pause of a user after each task: 1s, or `200ms..1s` (uniform). Not together with `pace:`."""
    pace: keys.SomeSeconds | None = None
    """One task every 2s, say, on an absolute schedule. Not together with `think:`."""
    headers: keys.NamedTexts | None = None
    """Headers of every request."""
    start: Steps | None = None
    """Steps that each user takes once, before its first task, such as a login. With `rate:`, each arrival is a new
    user and takes them (see `once`)."""
    tasks: Annotated[Node, keys.part(keys.list_of("task"))] | None = None
    """What users do: requests and flows, one per turn, by weight."""
    data: keys.Line | None = None
    """CSV file of rows for `{{ row.email }}`; one row per user, in order, starting over at the end. Its first line
    names the columns."""


class FlowShape(keys.Shape):
    kind: ClassVar[str] = "a flow"
    name: keys.Name | None = None
    """What reports call it."""
    weight: keys.Whole = 1
    """Its share of the turns. Default 1."""
    flow: Steps
    """Steps in order; a step that fails ends the flow."""


class PauseShape(keys.Shape):
    kind: ClassVar[str] = "a pause"
    think: keys.Pause
    """1s, or `200ms..1s` (uniform)."""
    once: keys.Flag = False
    """In `start:` with `rate:`, true takes this step once per place in flight, not once per arrival. Default false."""


class RepeatShape(keys.Shape):
    kind: ClassVar[str] = "repeat"
    repeat: keys.Whole
    """How many times at most."""
    while_: keys.Line | None = Field(None, alias="while")
    """A captured name: repeats until that is null, empty or absent."""
    once: keys.Flag = False
    """In `start:` with `rate:`, true takes this step once per place in flight, not once per arrival. Default false."""
    flow: Steps
    """Steps in order."""


_MOST_TYPES = 1_000
IN_PLACE = ("think", "pace", "headers", "start", "tasks", "data")
"""Keys of a user type that may stand at the top of a scenario which has only this one."""


@dataclass(slots=True)
class UserTypeReader:
    mistakes: Mistakes
    environment: Environment
    sources: Sources
    timeout_s: float
    open_model: bool
    notes: list[str] = field(default_factory=list)
    """For the first lines of a run: what was read and is not used."""
    shared: Mapping[str, Node] | None = None
    """The user types of users.yaml, which is read when the first one is looked up."""

    def read(self, name: str, node: Node, users: Node | None) -> tuple[UserType, ...]:
        """The user types of the scenario `name`; `users` is the value of its users:."""
        if users is None:
            if node.get("tasks") is None:
                hint = "as in  tasks: [{get: /items}]"
                self.mistakes.add(node, "a scenario needs tasks:, or users: with tasks", hint)
                return ()
            mine = {key: value for key, value in (node.entries or {}).items() if key.text in IN_PLACE}
            alone = self._in_place(name, Node(node.where, entries=mine))
            return (alone,) if alone else ()
        for key in IN_PLACE:
            if node.get(key) is not None:
                message = f"{key}: belongs to a user type; with users:, put it inside one of them"
                self.mistakes.add(node.key_where(key), message)
        if not users.entries:
            hint = "set the number of users in load:, as in  - {users: 50, for: 5m}"
            self.mistakes.add(users, "users: names user types, as in  users: {MLPlatformUser: 1}", hint)
        if len(users.entries or {}) > _MOST_TYPES:
            self.mistakes.add(users, f"at most {_MOST_TYPES:,} user types")
            return ()
        found = (self.one(key, value) for key, value in (users.entries or {}).items())
        types = tuple(one for one in found if one is not None)
        self.check_weights(users, types)
        return types

    def check_weights(self, users: Node, types: Sequence[UserType]) -> None:
        """The order of the user types is computed before the run, so it must not be too long."""
        length = cycle_length(one.weight for one in types)
        if length > MOST_TURNS:
            message = f"with these weights the order of user types is {length:,} long; at most {MOST_TURNS:,}"
            self.mistakes.add(users, message, "write shares, as in  users: {Reader: 70, Writer: 30}")

    def has(self, name: str) -> bool:
        """Whether users.yaml has a user type of this name."""
        return name in self._shared()

    def one(self, key: Key, value: Node) -> UserType | None:
        """The user type under a key of users:, in place or by name; None where it has mistakes."""
        if value.entries is not None:
            return self._in_place(key.text, value)
        hint = "a weight, or a whole user type in place"
        weight = self.mistakes.value(key.text, value, keys.whole, hint) or 1
        if self.sources.users is None:
            message = f"no user type '{key.text}': there is no users.yaml beside the scenario"
            self.mistakes.add(key, message)
            return None
        types = self._shared()
        if key.text in types:
            return self.user_type(key.text, self.environment.fill(types[key.text]), weight)
        if types:
            has = f"{self.sources.users.name} has"
            self.mistakes.add(key, *no_such("no user type is named", key.text, types, has))
        return None

    def _in_place(self, name: str, node: Node) -> UserType | None:
        for key in ("think", "pace") if self.open_model else ():
            if node.get(key) is not None:
                why = "which decides when each user arrives; leave it out"
                self.mistakes.add(node.key_where(key), f"{key}: has no effect with rate:, {why}")
        return self.user_type(name, node)

    def _shared(self) -> Mapping[str, Node]:
        if self.shared is None:
            node = self.mistakes.read(self.sources.users) if self.sources.users is not None else None
            self.shared = {key.text: value for key, value in ((node and node.entries) or {}).items()}
            if node is not None and node.entries is None:
                message = "users.yaml is a mapping of user types, as in  Visitor: {tasks: […]}"
                self.mistakes.add(node, message)
        return self.shared

    def user_type(self, name: str, node: Node, weight: int | None = None) -> UserType | None:
        """`weight`: what the scenario says; None: it stands in `node`, because the type is written in place."""
        shape = keys.read_shape(UserTypeShape, node, self.mistakes)
        if shape is None:
            return None
        if weight is not None and shape.weight is not None:
            message = f"the weight of a shared user type belongs in the scenario: users: {{{name}: {weight}}}"
            self.mistakes.add(node.value_where("weight"), message)
        if shape.think and shape.pace:
            self.mistakes.add(node.value_where("pace"), "a user type has think: or pace:, not both")
        names = Names()
        requests = RequestReader(self.mistakes, self.environment, names, self.sources.resolve, self.timeout_s)
        headers = requests.headers(shape.headers)
        self.environment.redact_named(shape.headers)
        flows = _FlowReader(self.mistakes, requests)
        start = flows.steps("start", shape.start) if shape.start else ()
        if not self.open_model:  # a user takes its start once in any case
            start = tuple(replace(step, once=False) for step in start)
        tasks = self._tasks(node, shape, flows)
        rows = self._rows(node, shape.data)
        self._check_names(names, shape.data, rows)
        return UserType(
            name=name,
            weight=weight or shape.weight or 1,
            tasks=tasks,
            start=start,
            headers=headers,
            think=Think(*shape.think) if shape.think and not self.open_model else None,
            pace_s=None if self.open_model else shape.pace,
            data=rows or (),
        )

    def _tasks(self, node: Node, shape: UserTypeShape, flows: _FlowReader) -> tuple[Task, ...]:
        if shape.tasks is None or not shape.tasks.items:
            hint = "as in  tasks: [{get: /items}]"
            self.mistakes.add(shape.tasks or node, "a user type needs tasks:, a list of requests", hint)
            return ()
        return tuple(task for item in shape.tasks.items if (task := flows.task(item)))

    def _rows(self, node: Node, path: str | None) -> Rows | None:
        """The rows of the CSV; None where there are none, or after a mistake."""
        if path is None:
            return None
        text = self.mistakes.existing(node.value_where("data"), path, self.sources.read(path))
        if text is None:
            return None
        rows, empty, wrong = read_rows(text)
        for line, message in wrong:
            self.mistakes.add(Where(path, line), message)
        if wrong:
            return None
        if empty:
            self.notes.append(f"{path}: {empty} empty row{' is' if empty == 1 else 's are'} skipped")
        return rows

    def _check_names(self, names: Names, data: str | None, rows: Rows | None) -> None:
        for name, where in names.used:
            if name not in names.captured:
                has = "Captured in this user type"
                message, hint = no_such("nothing captures", name, names.captured, has)
                column = nearest(name, rows[0]) if rows and nearest(name, names.captured) is None else None
                if column is not None:
                    message += f"; did you mean row.{column}?"
                self.mistakes.add(where, message, hint)
        for column, where in names.columns:
            if data is None:
                self.mistakes.add(where, "row: this user type has no data:", "as in  data: accounts.csv")
            elif column and rows and column not in rows[0]:
                self.mistakes.add(where, *no_such(f"{data} has no column", column, rows[0], "It has"))


@dataclass(frozen=True, slots=True)
class _FlowReader:
    mistakes: Mistakes
    requests: RequestReader

    def task(self, node: Node) -> Task | None:
        if node.get("flow") is None and node.get("repeat") is None:
            self._refuse_once(node)
            weight = node.get("weight")
            request = self.requests.read(node, weighted=True)
            share = self.mistakes.value("weight", weight, keys.whole) if weight is not None else None
            return Task(request.endpoint, share or 1, (request,)) if request else None
        if (repeat := node.get("repeat")) is not None:
            self.mistakes.add(repeat, "repeat: is a step of a flow", "as in  flow: [{repeat: 10, flow: […]}]")
            return None
        shape = keys.read_shape(FlowShape, node, self.mistakes)
        flow = self.steps("flow", shape.flow) if shape else ()
        if shape is None or not flow:
            return None
        first = next(requests_of(flow), None)
        if first is None:
            self.mistakes.add(shape.flow, "this flow sends no request")
            return None
        return Task(shape.name or f"flow from {first.endpoint}", shape.weight, flow)

    def steps(self, key: str, node: Node) -> tuple[Step, ...]:
        if not node.items:
            self.mistakes.add(node, f"{key}: is a list of steps", f"as in  {key}: [{{get: /items}}]")
            return ()
        if key != "start":
            for item in node.items:
                self._refuse_once(item)
        return tuple(step for item in node.items if (step := self.step(item)))

    def _refuse_once(self, node: Node) -> None:
        if node.get("once") is not None:
            message = "once: is only for steps of start:"
            hint = "as in  start: [{post: /login, once: true}]; several steps:  {repeat: 1, once: true, flow: […]}"
            self.mistakes.add(node.key_where("once"), message, hint)

    def step(self, node: Node) -> Step | None:
        given = {key.text for key in node.entries or {}}
        if "think" in given and not given & {*METHODS, "flow", "repeat"}:
            pause = keys.read_shape(PauseShape, node, self.mistakes)
            return Think(*pause.think, once=pause.once) if pause else None
        if not given & {"flow", "repeat"}:
            return self.requests.read(node, weighted=False)
        if "repeat" not in given and not RepeatShape.is_spoiled(node):
            hint = "add  repeat: 10, or move its steps into the outer flow"
            self.mistakes.add(node, "a flow inside a flow needs repeat:", hint)
            return None
        shape = keys.read_shape(RepeatShape, node, self.mistakes)
        if shape is None:
            return None
        while_ = node.get("while")
        if shape.while_ is not None and while_ is not None:
            self.requests.names.used.append((shape.while_, while_.where))
        return Repeat(shape.repeat, self.steps("flow", shape.flow), shape.while_, shape.once)


def read_rows(text: str) -> tuple[Rows, int, Sequence[tuple[int, str]]]:
    """The rows of a CSV by column, all values text; how many empty ones were skipped; what is wrong, by line."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows: list[Mapping[str, str]] = []
    wrong: list[tuple[int, str]] = []
    header: list[str] | None = None
    empty = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                empty += bool(cells)  # a line without any cell is no row
            elif header is None:
                header = [cell.strip() for cell in cells]
                if not all(header) or len(set(header)) < len(header):
                    return (), 0, [(reader.line_num, "the first row must name each column once")]
            elif len(cells) != len(header):
                wrong.append((reader.line_num, f"{len(cells)} values in this row, but {len(header)} columns"))
            else:
                rows.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        wrong.append((reader.line_num, f"this is not CSV: {error}"))
    if not rows and not wrong:
        wrong.append((1, "there are no rows; the first one names the columns"))
    return rows, empty, wrong
