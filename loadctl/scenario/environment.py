"""`${NAME}` and `${NAME:-default}` in a scenario, filled in from the environment before anything is read as a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from loadctl.scenario.document import HALVES, Node
from loadctl.scenario.mistakes import Mistakes

_REFERENCE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<inside>[^{}]*)\}?")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS", re.IGNORECASE)


@dataclass(slots=True)
class Environment:
    """What is filled in stays text: `${N}` is never read as a number or as `null` inside a body."""

    variables: Mapping[str, str]
    mistakes: Mistakes
    secrets: dict[str, None] = field(default_factory=dict)
    """Values to redact, in the order in which they were met."""

    def fill(self, node: Node) -> Node:
        """The tree with every reference replaced; a variable that is not set is a mistake."""
        if node.items is not None:
            return replace(node, items=tuple(self.fill(item) for item in node.items))
        if node.entries is not None:
            return replace(node, entries={key: self.fill(value) for key, value in node.entries.items()})
        if "${" not in node.text:
            return node
        used: list[str] = []
        text = _REFERENCE.sub(lambda match: self._value(match, node, used), node.text)
        return replace(node, value=text, text=text, environment=tuple(used))

    def _value(self, match: re.Match[str], node: Node, used: list[str]) -> str:
        if match["escape"]:
            return "${"
        inside = _INSIDE.fullmatch(match["inside"])
        if inside is None or not match[0].endswith("}"):
            hint = "write ${NAME} or ${NAME:-default}; $${ stands for ${ itself"
            self.mistakes.add(node.where, f"{match[0]} names no variable of the environment", hint)
            return match[0]
        name, default = inside["name"], inside["default"]
        value = self.variables.get(name)
        if value is None and default is None:
            hint = f"set it, or give a default: ${{{name}:-secret}}"
            self.mistakes.add(node.where, f"{name} is not set in the environment", hint)
            return match[0]
        text = value if value is not None else str(default)
        if HALVES.search(text):  # how Python shows bytes that are no UTF-8
            self.mistakes.add(node.where, f"{name} is not UTF-8 text in the environment")
            return match[0]
        used.append(text)
        if _SECRET_NAME.search(name):
            self.redact(text)
        return text

    def redact(self, *values: str) -> None:
        """Shorter values than four characters hide nothing and would tear numbers out of every report."""
        self.secrets.update(dict.fromkeys(value for value in values if len(value) > 3))

    def redact_all(self, *nodes: Node | None) -> None:
        """Everything that came from the environment under these nodes is a secret: headers, queries, bodies."""
        for node in nodes:
            for part in node.walk() if node else ():
                self.redact(*part.environment)
