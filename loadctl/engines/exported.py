"""What both exports share: the writer of values, secrets as environment variables, and the list of what an export
cannot keep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadctl.errors import UsageError
from loadctl.scenario.redaction import names_a_secret
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.template import Attribute, Call, Expression, Literal, Variable, parse
from loadctl.scenario.user_type import Json, UserType

LOST = (
    "the seed: random values and the order of tasks differ from run to run",
    "the exact schedule, the drain, and latencies to the last byte: figures are the engine's own",
)
"""What no engine has without loadctl."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Replaces a secret; `name` is the environment variable that has to hold it."""

    name: str


@dataclass(frozen=True, slots=True)
class Language:
    """How a programming language writes values; `{}` is what is written there."""

    environment: str
    """A variable of the environment that holds a secret."""
    variable: str
    text: str
    """A value as text."""
    encoded: str
    """A value, percent-encoded."""
    key: str
    """An expression as the key of a mapping."""
    constant: Callable[[Json], str]
    """A number, a truth value or none."""
    helpers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Writer:
    """Every method returns an expression of the language."""

    language: Language
    secrets: Sequence[str]

    def split(self, text: str) -> Iterator[str | Secret]:
        """The pieces of `text`, with every secret replaced."""
        longest = sorted(self.secrets, key=len, reverse=True)
        for piece in re.split(f"({'|'.join(map(re.escape, longest))})", text) if longest else [text]:
            if piece in self.secrets:
                yield Secret(f"SECRET_{self.secrets.index(piece) + 1}")
            elif piece:
                yield piece

    def text(self, text: str) -> str:
        pieces = [
            self.language.environment.format(piece.name) if isinstance(piece, Secret) else quoted(piece)
            for piece in self.split(text)
        ]
        return " + ".join(pieces) or '""'

    def url(self, text: str) -> str:
        """Values inside a URL are percent-encoded, except for one at its beginning."""
        return self._joined(text, self.language.encoded)

    def template(self, text: str) -> str:
        return self._joined(text, self.language.text)

    def _joined(self, text: str, later: str) -> str:
        """`later`: how values are written that do not come first."""
        pieces = [
            self.text(part)
            if isinstance(part, str)
            else (later if at else self.language.text).format(self.code(part))
            for at, part in enumerate(parse(text).parts)
        ]
        return " + ".join(pieces) or '""'

    def value(self, value: Json) -> str:
        if isinstance(value, str):
            template = parse(value)
            return self.template(value) if template.whole is None else self.code(template.whole)
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{self._key(k)}: {self.value(v)}" for k, v in value.items()) + "}"
        if isinstance(value, Sequence):
            return "[" + ", ".join(map(self.value, value)) + "]"
        return self.language.constant(value)

    def _key(self, name: str) -> str:
        key = self.text(name)
        return key if key == quoted(name) else self.language.key.format(key)

    def code(self, expression: Expression) -> str:
        match expression:
            case Literal(value):
                return self.text(value) if isinstance(value, str) else self.language.constant(value)
            case Variable(name):
                return self.language.variable.format(name)
            case Attribute(of, name):
                return f"{self.code(of)}[{quoted(name)}]"
            case Call(name, arguments):
                return self.language.helpers[name].format(", ".join(map(self.code, arguments)))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def variables_in(template: str) -> list[str]:
    return sorted(e.name for e in parse(template).expressions() if isinstance(e, Variable))


def without_script(scenario: Scenario) -> Scenario:
    """Raises: UsageError for a scenario that runs a script, which needs no export."""
    if scenario.script is not None:
        raise UsageError(
            f"{scenario.name} runs {scenario.script.path}, which the engine runs as it is",
            hint="export is for scenarios with user types",
        )
    return scenario


def rows_variable(user: UserType, scenario: Scenario) -> str | None:
    """The environment variable that names the CSV file of a user type whose rows hold secrets; None if they hold
    none.
    """
    if not user.data or not any(map(names_a_secret, user.data[0])):
        return None
    return f"ROWS_{scenario.user_types.index(user) + 1}"


def identifier(name: str, taken: dict[str, int]) -> str:
    """A unique name for code, from the letters, digits and _ of `name`."""
    words = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "step"
    return unused(f"_{words}" if words[0].isdigit() else words, taken, "_")


def unused(name: str, taken: dict[str, int], separator: str = "") -> str:
    """`name`, or the first of name_2, name_3, … that is not taken; it is taken from now on.

    `taken`: each name with the last number that was given to it; counting from 2 again would make thousands slow.
    """
    found = name
    while found in taken:
        taken[name] += 1
        found = f"{name}{separator}{taken[name]}"
    taken[found] = 1
    return found


def status_words(ranges: Sequence[tuple[int, int]]) -> str:
    if not ranges:
        return "below 400"
    return " or ".join(str(low) if low == high else f"{low}..{high}" for low, high in ranges)
