"""Reads `before:` and `after:`: commands for this machine, as words, never as a text for a shell.

A text is split as a shell would split it (quotes and backslashes), but no shell runs it. `${NAME}` is filled in after
the splitting, so that a value with blanks stays one word.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from loadctl.errors import Where
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.document import Mistakes, Node
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.scenario import COMMAND_TIMEOUT_S, LocalCommand

_FORMS = "takes a command (text, or words in a list of their own), or a list of commands"
_NEEDS_SHELL = "write  sh -c '…'  if you need one; in quotes it is an ordinary character"
_REFERENCE = re.compile(r"\$\$\{|\$\{[^{}]*\}")
_FIRST_STAND_IN = 0xE000
"""Private-use characters replace references while the text is split; the text itself cannot contain any."""
_SIGN = re.compile(r"&&|\|\||>>|<<|\$\(|\$(?=[A-Za-z_])|[|&;<>*?()`]")
_QUOTED = re.compile(r"""\\.|'[^']*'?|"(?:\\.|[^"\\])*"?""", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_USER_INFO = re.compile(r"://([^/?#\s]*)@")


class CommandShape(keys.Shape):
    kind: ClassVar[str] = "a command"
    run: Annotated[Node, keys.part(keys.WORDS)]
    """Program and arguments, without a shell."""
    timeout: keys.SomeSeconds = COMMAND_TIMEOUT_S
    """When it is stopped. Default 5m."""


@dataclass(slots=True)
class CommandReader:
    mistakes: Mistakes
    environment: Environment

    def read(self, scenario: Node, key: str) -> Sequence[LocalCommand]:
        """The commands under `key` of a scenario whose references are not filled in yet; what is wrong is left out."""
        node = scenario.get(key)
        if node is None:
            return ()
        if node.is_null or node.items == ():
            self.mistakes.add(node, f"{key}: {_FORMS}")
            return ()
        items = node.items if node.items is not None else (node,)
        return tuple(command for item in items if (command := self._command(key, item)) is not None)

    def option(self, name: str, text: str, *, timeout_s: float) -> LocalCommand | None:
        """The command given by an option of the command line; None where something is wrong with it."""
        argv = self._words(name, Node(Where(name), text, text))
        return LocalCommand(argv=argv, timeout_s=timeout_s) if argv else None

    def _command(self, key: str, node: Node) -> LocalCommand | None:
        if node.entries is None:
            argv = self._words(key, node)
            return LocalCommand(argv=argv, where=node.where) if argv else None
        shape = keys.read_shape(CommandShape, self._with_timeout(node), self.mistakes)
        argv = self._words(key, shape.run) if shape is not None else ()
        if shape is None or not argv:
            return None
        return LocalCommand(argv=argv, timeout_s=shape.timeout, where=node.where)

    def _with_timeout(self, node: Node) -> Node:
        """The references of all keys but `run` filled in."""
        filled = self.environment.fill(node)
        run = {k: v for k, v in (node.entries or {}).items() if k.text == "run"}
        return Node(node.where, entries={**(filled.entries or {}), **run})

    def _words(self, key: str, node: Node) -> Sequence[str]:
        """Empty where something is wrong with them."""
        before = len(self.mistakes.found)
        try:
            texts = self._listed(node) if node.items is not None else self._split(node)
        except ValueError as error:
            self.mistakes.add(node, f"{key}: {error}", getattr(error, "hint", None))
            return ()
        words = [self.environment.fill(Node(node.where, text, text)).text for text in texts]
        for user_info in _USER_INFO.findall("\n".join(words)):
            self.environment.redact_user_info(user_info)
        if len(self.mistakes.found) > before:
            return ()
        if not words or not words[0].strip() or any("\0" in word for word in words):
            self.mistakes.add(node, f"{key}: names no program to run")
            return ()
        return tuple(words)

    def _listed(self, node: Node) -> Sequence[str]:
        if not all(item.is_scalar for item in node.items or ()):
            raise ValueError("the words of a command are texts, not lists or mappings")
        return [keys.scalar_text(item) for item in node.items or ()]

    def _split(self, node: Node) -> Sequence[str]:
        references: list[str] = []

        def stand_in(match: re.Match[str]) -> str:
            references.append(match[0])
            return chr(_FIRST_STAND_IN + len(references) - 1)

        text = _REFERENCE.sub(stand_in, keys.one_line(node))
        if sign := _shell_sign(text):
            raise _NeedsShell(f"only a shell understands '{sign}'", _NEEDS_SHELL)
        try:
            words = shlex.split(text)
        except ValueError as error:
            quote = "quotation" in str(error)
            raise ValueError("a quote is not closed" if quote else "it ends in a backslash") from error
        if words and _ASSIGNMENT.match(words[0]):
            hint = "write  env NAME=value …  before the program"
            raise _NeedsShell(f"'{words[0]}' sets a variable for a shell", hint)
        referring = {_FIRST_STAND_IN + index: reference for index, reference in enumerate(references)}
        return [word.translate(referring) for word in words]


class _NeedsShell(ValueError):
    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what}, and no shell runs it")
        self.hint = hint


def _shell_sign(text: str) -> str | None:
    """The first sign outside quotes that only a shell would act on."""
    found = _SIGN.search(_QUOTED.sub("_", text))
    return found[0] if found else None
