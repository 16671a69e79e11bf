"""Nothing secret is written: applied to every text of a script or the system before it reaches a file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = re.compile(r"(?i)((?:proxy-)?authorization|(?:set-)?cookie)([^\w\r\n]{1,4})(\w[^\r\n\"']*)")
_NAMES = r"(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)"
# "password": "…", also within JSON in JSON; password=…; a header line. What a template stands for is no secret yet.
_FIELD = re.compile(
    rf"""((?:{_NAMES}\\*["']\s*[:=]\s*\\*["']|{_NAMES}=|^[\w-]{{0,40}}{_NAMES}:[ ]*))"""
    r"""(?!(?:[A-Za-z]+[ ])?\{\{)(?:(?<=["'])[^"'\\\r\n]+|(?<!["'])[^\s"'&,;<>\\]+)""",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)


class Redaction:
    """Replaces secrets (as they are, percent-encoded, inside JSON), and values whose name says that they are one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {
            form
            for s in secrets
            if s
            for form in (
                *(s, quote(s, safe=""), quote_plus(s)),
                *(json.dumps(s)[1:-1], json.dumps(s, ensure_ascii=False)[1:-1]),
            )
        }
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub("***", text)
        return _FIELD.sub(r"\1***", _HEADER.sub(r"\1\2***", text))
