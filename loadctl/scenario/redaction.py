"""Secrets kept out of what is written and shown: the one rule for run.json, logs of commands, monitors and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

REDACTED = "[redacted]"
_NAMES = r"(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)"
_NAMED = re.compile(rf"({_NAMES}=)(?!\{{\{{)[^\s\"'&,;<>\\]+", re.IGNORECASE)
_FIELD = re.compile(rf"(?:{_NAMES}|authorization|cookie)$", re.IGNORECASE)
_NOT_LITERAL = re.compile(r"(?:[A-Za-z]+ )?\{\{|\$")
"""A template, perhaps after a word such as Bearer; or the place in a response that a capture reads."""
_SHORT = 3
"""Secrets so short are hidden only where they are the whole text: replacing every "a" would leave nothing to read."""


_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS", re.IGNORECASE)
_ARGUMENT = re.compile(r"-+[^=]*(?:KEY|TOKEN|SECRET|PASS)[^=]*", re.IGNORECASE)


def names_secret(name: str) -> bool:
    """Whether a name, of a column or a variable, says that what it holds is a secret."""
    return _SECRET_NAME.search(name) is not None


def secret_arguments(words: Sequence[str]) -> list[str]:
    """The values that arguments of a command line name as secrets: `--api-token X`, `--api-token=X`.

    A number is none (`--max-tokens 4096`): to hide it everywhere would tear it out of every report.
    """
    return [value for _, value in _secrets(words) if not value.isdecimal()]


def secret_fields(document: object) -> list[str]:
    """The texts in a JSON document that stand under a name of a secret."""
    found: list[str] = []
    if isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, str) and names_secret(name) and not value.isdecimal():
                found.append(value)
            else:
                found += secret_fields(value)
    elif isinstance(document, list):
        found = [value for item in document for value in secret_fields(item)]
    return found


def without_secrets(words: Sequence[str]) -> list[str]:
    """The same words with those values hidden, numbers too."""
    hidden = dict(_secrets(words))
    return [
        word[: len(word) - len(hidden[at])] + REDACTED if at in hidden else word
        for at, word in enumerate(words)
    ]


def _secrets(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """With the index of the word that ends with the value."""
    named = False
    for at, word in enumerate(words):
        if named and not word.startswith("-"):
            yield at, word
        name, equals, value = word.partition("=")
        match = _ARGUMENT.fullmatch(name)
        if match and equals:
            yield at, value
        named = match is not None and not equals


def is_secret(name: str, value: str) -> bool:
    """Whether the name of a header, a field or a column says that its value, written out, is one."""
    return _FIELD.search(name) is not None and _NOT_LITERAL.match(value) is None


class Redaction:
    """Of exact values, the longest first, so that one within another leaves no rest; and of what `password=…` names."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._whole = frozenset(filter(None, secrets))
        words = sorted((word for word in self._whole if len(word) > _SHORT), key=len, reverse=True)
        self._within = re.compile("|".join(map(re.escape, words))) if words else None

    def __bool__(self) -> bool:
        return bool(self._whole)

    def hidden(self, text: str) -> str:
        """`text` without any of them."""
        if text in self._whole:
            return REDACTED
        if self._within is not None:
            text = self._within.sub(REDACTED, text)
        return _NAMED.sub(rf"\1{REDACTED}", text)
