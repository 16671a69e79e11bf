"""`${NAME}` and `${NAME:-default}` in a scenario, filled in from the environment before any value is read.

A value is a secret if the name of its variable says so, if it is written `${secret:NAME}`, or if it stands in the
user-info of a URL or under a telling name (of a header, a field, a column). Any other is ordinary text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from loadctl.scenario.reading.document import SURROGATES, Mistakes, Node
from loadctl.scenario.redaction import REDACTED, is_secret, names_a_secret, parts_of_secret

_REFERENCE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<inside>[^{}]*)\}?")
_INSIDE = re.compile(r"(?P<secret>secret:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


class _Filled(NamedTuple):
    """What replaces one reference. `shown`: `{NAME}` for a secret; `name`: of the variable, if any."""

    text: str
    shown: str
    name: str = ""


@dataclass(slots=True)
class Environment:
    """What is filled in stays text: `${N}` is never read as a number or as `null` inside a body."""

    variables: Mapping[str, str]
    mistakes: Mistakes
    secrets: dict[str, str] = field(default_factory=dict)
    """Values to redact, each with its replacement."""

    def fill(self, node: Node) -> Node:
        """The tree with every reference replaced; a variable that is not set is a mistake."""
        if node.items is not None:
            return replace(node, items=tuple(self.fill(item) for item in node.items))
        if node.entries is not None:
            return replace(node, entries={key: self.fill(value) for key, value in node.entries.items()})
        if "${" not in node.text:
            return node
        filled = [self._filled(match, node) for match in _REFERENCE.finditer(node.text)]
        texts, names = (iter([one[at] for one in filled]) for at in (0, 1))
        text = _REFERENCE.sub(lambda _: next(texts), node.text)
        name = _REFERENCE.sub(lambda _: next(names), node.text)
        used = {one.text: one.name for one in filled if one.name}
        return replace(node, value=text, text=text, environment=used, name=name)

    def _filled(self, match: re.Match[str], node: Node) -> _Filled:
        if match["escape"]:
            return _Filled("${", "${")
        inside = _INSIDE.fullmatch(match["inside"])
        if inside is None or not match[0].endswith("}"):
            hint = "write ${NAME} or ${NAME:-default}; $${ writes ${ itself"
            self.mistakes.add(node, f"{match[0]} does not name an environment variable", hint)
            return _Filled(match[0], match[0])
        name, default = inside["name"], inside["default"]
        value = self.variables.get(name)
        if value is None and default is None:
            hint = f"set it, or give a default: ${{{name}:-secret}}"
            self.mistakes.add(node, f"{name} is not set in the environment", hint)
            return _Filled(match[0], match[0])
        text = value if value is not None else str(default)
        if SURROGATES.search(text):  # how Python shows bytes that are no UTF-8
            self.mistakes.add(node, f"{name} is not UTF-8 text in the environment")
            return _Filled(match[0], match[0])
        if not inside["secret"] and not names_a_secret(name):
            return _Filled(text, text, name)
        self.redact(text, shown=f"${{{name}}}")
        return _Filled(text, f"{{{name}}}", name)

    def redact(self, *values: str, shown: str = REDACTED) -> None:
        """Values of less than four characters are no secrets, and redacting them would damage every report."""
        for value in values:
            if len(value) > 3:
                self.secrets.setdefault(value, shown)

    def redact_user_info(self, text: str, node: Node | None = None) -> None:
        """Of the URL in `node`: `user:password`."""
        for value, name in node.environment.items() if node else ():
            if value in text:
                self.redact(value, shown=f"${{{name}}}")
        self.redact(*parts_of_secret(text))

    def redact_named(self, *nodes: Node | None, named: bool = False) -> None:
        """Redacts what stands under the name of a secret, anywhere in these nodes. `named`: all of it does."""
        for node in nodes:
            if node is None:
                continue
            entries = (node.entries or {}).items()
            literal = [one for key, one in entries if one.is_scalar and is_secret(key.text, one.text)]
            for key, value in entries:
                self.redact_named(value, named=named or names_a_secret(key.text))
            self.redact_named(*(node.items or ()), named=named)
            for text, name in node.environment.items() if named else ():
                self.redact(text, shown=f"${{{name}}}")
            for value in literal:
                self.redact(*parts_of_secret(value.text)[bool(value.environment) :])
