"""Nothing secret is written: applied to every text of a script or the system before it reaches a file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = re.compile(r"(?i)((?:proxy-)?authorization|(?:set-)?cookie)(\W{1,4})([^\r\n\"']+)")


class Redaction:
    """Replaces secrets (as they are, percent-encoded, inside JSON) and the values of credential headers."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {
            form
            for s in secrets
            if s
            for form in (s, quote(s, safe=""), json.dumps(s)[1:-1], json.dumps(s, ensure_ascii=False)[1:-1])
        }
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub("***", text)
        return _HEADER.sub(r"\1\2***", text)
