"""Values of a scenario in the words of Python, for an exported locustfile."""

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
}


@dataclass(frozen=True, slots=True)
class Values:
    """Every method returns an expression of Python; `self.values` holds what a user has captured."""

    secrets: Secrets

    def url(self, text: str) -> str:
        """Values inside a URL are percent-encoded, but for one that it begins with."""
        parts = [
            self.text(part)
            if isinstance(part, str)
            else f'quote(str({self.code(part)}), safe="")'
            if at
            else f"str({self.code(part)})"
            for at, part in enumerate(parse(text).parts)
        ]
        return " + ".join(parts)

    def template(self, text: str) -> str:
        parts = parse(text).parts
        code = [self.text(part) if isinstance(part, str) else f"str({self.code(part)})" for part in parts]
        return " + ".join(code) or '""'

    def value(self, value: Json) -> str:
        if isinstance(value, str):
            template = parse(value)
            return self.template(value) if template.whole is None else self.code(template.whole)
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{self.text(k)}: {self.value(v)}" for k, v in value.items()) + "}"
        if isinstance(value, Sequence):
            return "[" + ", ".join(self.value(item) for item in value) + "]"
        return repr(value)

    def code(self, expression: Expression) -> str:
        match expression:
            case Literal(value):
                return self.text(value) if isinstance(value, str) else repr(value)
            case Variable(name):
                return f"self.values[{self.text(name)}]"
            case Attribute(of, name):
                return f"{self.code(of)}[{self.text(name)}]"
            case Call(name, arguments):
                return _HELPERS[name].format(", ".join(self.code(argument) for argument in arguments))

    def text(self, text: str) -> str:
        pieces = [
            p.name if isinstance(p, Secret) else json.dumps(p, ensure_ascii=False)
            for p in self.secrets.split(text)
        ]
        return " + ".join(pieces) or '""'
