"""Secrets kept out of what engines write: applied to every text of a script or the system before it reaches a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from ..scenario.redaction import spelled  # relative: Locust's own process has this file under another name

_CREDENTIAL = re.compile(r"authorization|cookie|key|token|secret|pass|session|jwt", re.IGNORECASE)
_COOKIE = re.compile(r"(?:^|;\s*)([^=;\s]+)=([^;]+)")
_SHORT = 3
"""Shorter values would be found within ordinary words."""
_HEADER = re.compile(r"(?i)((?:proxy-)?authorization|(?:set-)?cookie)([^\w\r\n]{1,4})(\w[^\r\n\"']*)")
_NAMES = r"(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)"
Held: TypeAlias = Callable[[Collection[str]], Iterable[str]]
"""Returns the secrets of the user who sent a request, given the variables whose values are secret."""
# "password": "…", also within JSON in JSON; password=…; a header line. What a template stands for is no secret yet.
_FIELD = re.compile(
    rf"""((?:{_NAMES}\\*["']\s*[:=]\s*\\*["']|{_NAMES}=|^[\w-]{{0,40}}{_NAMES}:[ ]*))"""
    r"""(?!(?:[A-Za-z]+[ ])?\{\{)(?:(?<=["'])[^"'\\\r\n]+|(?<!["'])[^\s"'&,;<>\\]+)""",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)


class Redaction:
    """Replaces secrets in every spelling (plain, percent-encoded, in JSON, in HTML, mixed), and values whose name
    says that they are secret.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        self._secrets = [(secret, _folded(secret)) for secret in longest_first]
        self._compiled: dict[tuple[str, ...], re.Pattern[str]] = {}

    def __call__(self, text: str) -> str:
        folded = _folded(text) if self._secrets else b""
        # To compile a token of 1 kB takes half a second, and no user can go on meanwhile.
        if there := tuple(secret for secret, its_fold in self._secrets if its_fold in folded):
            if there not in self._compiled:
                self._compiled[there] = re.compile(spelled(there))
            text = self._compiled[there].sub("***", text)
        return _FIELD.sub(r"\1***", _HEADER.sub(r"\1\2***", text))


def names_credential(name: str) -> bool:
    """Whether a header or a field of this name holds a credential."""
    return _CREDENTIAL.search(name) is not None


def credentials(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The credentials in headers whose names say so: the value, what follows a word such as Bearer, each cookie."""
    found: list[str] = []
    for name, value in headers:
        if name.lower() == "set-cookie":  # its attributes are ordinary words
            found += [cookie for _, cookie in _COOKIE.findall(value)[:1]]
        elif names_credential(name):
            found += [value, value.partition(" ")[2], *(cookie for _, cookie in _COOKIE.findall(value))]
    return [text for value in found if len(text := value.strip(' "')) > _SHORT]


def values_of(names: Collection[str], variables: Mapping[str, object]) -> list[str]:
    """The values of these variables and columns."""
    row = variables.get("row")
    scopes = [variables, row] if isinstance(row, Mapping) else [variables]
    values = [scope.get(name) for scope in scopes for name in names]
    return [value for value in values if isinstance(value, str) and len(value) > _SHORT]


def _folded(text: str) -> bytes:
    """The same for all spellings of a text. A text whose fold lacks that of a secret does not hold it."""
    data = text.encode("utf-8", "replace")
    for _ in range(_PASSES):
        data = _SPELLED.sub(_character, data)
    return data.translate(_FOLD, b"\\")


def _character(match: re.Match[bytes]) -> bytes:
    if match["byte"]:
        return bytes([int(match["byte"], 16)])
    if match["units"]:
        units = bytes.fromhex(match["units"].replace(b"\\", b"").replace(b"u", b"").decode())
        return units.decode("utf-16-be", "replace").encode()
    if match["name"]:
        return _HTML[match["name"]]
    code = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else match[0]


_HTML = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_SPELLED = re.compile(
    rb"%(?:25)*(?P<byte>[0-9a-fA-F]{2})"
    rb"|(?P<units>(?:\\+u[0-9a-fA-F]{4})+)"
    rb"|&(?:amp;)*(?:#(?P<decimal>[0-9]{1,12});|#[xX](?P<hex>[0-9a-fA-F]{1,12});|(?P<name>amp|lt|gt|quot|apos);)"
)
_PASSES = 3
"""A spelling within a spelling; the answer of a hostile server could have thousands."""
_FOLD = bytes.maketrans(b"\n\r\t\b\f+", b"nrtbf ")
