"""Keeps secrets out of everything that is written and shown: run.json, logs of commands, monitors, messages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from mmap import mmap

REDACTED = "[redacted]"
_NAMES = r"(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)"
_NAMED = re.compile(rf"({_NAMES}=)(?!\{{\{{)[^\s\"'&,;<>\\]+", re.IGNORECASE)
_NAMED_BYTES = re.compile(_NAMED.pattern.encode(), re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^/?#]*")
_FIELD = re.compile(rf"(?:{_NAMES}|authorization|cookie)$", re.IGNORECASE)
_COOKIE = re.compile(r"(?:^|;\s*)([\w.-]+)=([^;\s]+)")
_NOT_LITERAL = re.compile(r"(?:[A-Za-z]+ )?\{\{|\$")
"""A template, perhaps after a word such as Bearer; or the place in a response that a capture reads."""
_SHORT = 3
"""Secrets this short are hidden only where they are the whole text; elsewhere they would match too much."""


_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?:proxy-)?authorization|(?:set-)?cookie", re.IGNORECASE)
_ARGUMENT = re.compile(r"-+[^=]*(?:KEY|TOKEN|SECRET|PASS)[^=]*", re.IGNORECASE)


def names_a_secret(name: str) -> bool:
    """Whether the name of a variable, a header, a field or a column says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None or _CREDENTIALS.fullmatch(name) is not None


def parts_of_secret(text: str) -> Sequence[str]:
    """A password, the value of a header, or the user-info of a URL, with the secrets in it as they may come back.

    `Bearer X` is X too, `a=b; c=d` is b and d, and `user:password` is the password and what Basic makes of both.
    """
    found = [text]
    scheme, blank, rest = text.partition(" ")
    if blank and scheme.isalpha():
        found.append(rest)
    found += [value for _, value in _COOKIE.findall(text)]
    pair = _basic(rest) if scheme.lower() == "basic" else text
    user, colon, password = pair.partition(":")
    if colon and user and " " not in user:
        plain = unquote(pair)
        found += [pair, plain, password, unquote(password)]
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            found.append(alphabet(plain.encode()).decode().rstrip("="))
    return list(dict.fromkeys(found))


def _basic(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def secret_arguments(words: Sequence[str]) -> list[str]:
    """The values that arguments of a command line name as secrets: `--api-token X`, `--api-token=X`.

    A number is not a secret (`--max-tokens 4096`): hiding it everywhere would damage every report.
    """
    return [value for _, value in _secrets(words) if not value.isdecimal()]


def hidden(values: Iterable[str]) -> Mapping[str, str]:
    """Secrets without a name of their own, as a scenario knows them."""
    return dict.fromkeys(values, REDACTED)


def named_in(text: str) -> list[str]:
    """The secrets that `password=…` names in a query or a body. A number is not a secret."""
    values = (match[0].removeprefix(match[1]) for match in _NAMED.finditer(text))
    return [spelling for value in values if not value.isdecimal() for spelling in {value, unquote(value)}]


def secret_fields(document: object) -> list[str]:
    """The texts in a JSON document that stand under a name of a secret."""
    found: list[str] = []
    if isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, str) and names_a_secret(name) and not value.isdecimal():
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


_COMPARED = 128
_LONGEST_SIGN = 12
"""Characters in one spelling of one character, as far as a long word is looked for."""


class Redaction:
    """Of exact values in every spelling, the longest first, so that one within another leaves no rest; and of what
    `password=…` names. A mapping says what is written in the place of each.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._shown = dict(secrets) if isinstance(secrets, Mapping) else dict.fromkeys(secrets, REDACTED)
        self._shown.pop("", None)
        self._words = sorted((word for word in self._shown if len(word) > _SHORT), key=len, reverse=True)

    @cached_property
    def _within(self) -> re.Pattern[str]:
        """Compiled on first use, because it takes 5 ms per secret."""
        return re.compile(spelled(self._words))

    def hidden(self, text: str) -> str:
        """`text` without any of them."""
        if text in self._shown:
            return self._shown[text]
        if self._words:
            text = self._within.sub(self._name, text)
        return _NAMED.sub(rf"\1{REDACTED}", text)

    def of_url(self, url: str) -> str:
        """A URL whose scheme and address stay: a run is judged by what stands there."""
        address = match[0] if (match := _ADDRESS.match(url)) else ""
        return address + self.hidden(url.removeprefix(address))

    def places(self, data: bytes | mmap) -> Iterator[tuple[int, int]]:
        """Where they stand in a file, first byte and end; also what follows `password=`."""
        if self._words:
            for match in re.finditer(spelled(self._words).encode(), data):
                yield match.span()
        for match in _NAMED_BYTES.finditer(data):
            yield match.end(1), match.end()

    def _name(self, match: re.Match[str]) -> str:
        return self._shown[self._words[(match.lastindex or 1) - 1]]


def spelled(words: Iterable[str]) -> str:
    """A regular expression with a group a word, each in every spelling: as it is, percent-encoded, in JSON, in HTML,
    some of them again, and each character in its own.

    Only the two ends of a long word are compared: a pattern for all of 70,000 characters takes 10 s to compile.
    """
    words = list(words)
    first = "".join(sorted({re.escape(word[0]) for word in words}))
    return f"(?=[{first}%&+\\\\])(?:" + "|".join(f"({_word(word)})" for word in words) + ")"


def _word(word: str) -> str:
    start, rest = word[:_COMPARED], word[_COMPARED:]
    shown = "".join(map(_sign, start))
    if len(rest) <= _COMPARED:
        return shown + "".join(map(_sign, rest))
    end = "".join(map(_sign, rest[-_COMPARED:]))
    between = len(rest) - _COMPARED
    # Where it was cut off, what looks like the rest of a token goes too.
    return rf"{shown}(?:[\s\S]{{{between},{_LONGEST_SIGN * between}}}?{end}|[\w+/=.~-]*)"


def _sign(sign: str) -> str:
    """One character in every spelling."""
    ways = [rf"\\*{re.escape(sign)}" if sign in "\"/'&<>" else re.escape(sign)]
    ways.append("".join(f"%(?:25)*{_hex(byte, 2)}" for byte in sign.encode("utf-8", "replace")))
    units = sign.encode("utf-16-be", "replace")
    ways.append("".join(rf"\\+u{_hex(units[at] * 256 + units[at + 1], 4)}" for at in range(0, len(units), 2)))
    ways.append(f"&(?:amp;)*#(?:0*{ord(sign)}|[xX]0*{_hex(ord(sign), 1)});")
    if sign in _HTML:
        ways.append(f"&(?:amp;)*{_HTML[sign]};")
    if sign in _JSON:
        ways.append(rf"\\+{_JSON[sign]}")
    if sign == "\\":
        ways[0] = r"\\+"
    if sign == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _hex(number: int, digits: int) -> str:
    """In either case."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in f"{number:0{digits}x}")


_HTML = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_JSON = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
