"""Nothing secret is written: applied to every text of a script or the system before it reaches a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_HEADER = re.compile(r"(?i)((?:proxy-)?authorization|(?:set-)?cookie)([^\w\r\n]{1,4})(\w[^\r\n\"']*)")
_NAMES = r"(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)"
# "password": "…", also within JSON in JSON; password=…; a header line. What a template stands for is no secret yet.
_FIELD = re.compile(
    rf"""((?:{_NAMES}\\*["']\s*[:=]\s*\\*["']|{_NAMES}=|^[\w-]{{0,40}}{_NAMES}:[ ]*))"""
    r"""(?!(?:[A-Za-z]+[ ])?\{\{)(?:(?<=["'])[^"'\\\r\n]+|(?<!["'])[^\s"'&,;<>\\]+)""",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)


class Redaction:
    """Replaces secrets in every spelling (as they are, percent-encoded, in JSON, in HTML, mixed), and values whose name
    says that they are one.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        self._secrets = re.compile(_spelled(longest_first)) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub("***", text)
        return _FIELD.sub(r"\1***", _HEADER.sub(r"\1\2***", text))


def values_of(names: Collection[str], variables: Mapping[str, object]) -> list[str]:
    """What these variables and columns hold; what is shorter than four characters would be found within words."""
    row = variables.get("row")
    scopes = [variables, row] if isinstance(row, Mapping) else [variables]
    values = [scope.get(name) for scope in scopes for name in names]
    return [value for value in values if isinstance(value, str) and len(value) > 3]


def _spelled(secrets: Sequence[str]) -> str:
    """As in loadctl's own scenario/redaction.py, which this process cannot import."""
    first = "".join(sorted({re.escape(secret[0]) for secret in secrets}))
    return f"(?=[{first}%&+\\\\])(?:{'|'.join(''.join(map(_sign, secret)) for secret in secrets)})"


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
