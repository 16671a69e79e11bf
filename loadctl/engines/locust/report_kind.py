"""Which of Locust's own files a text is, told by its content: names are the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Kind = Literal["json", "html", "stats", "history", "failures", "exceptions"]
READS = (
    "Locust's HTML report (--html), JSON (--json-file) and CSV (--csv: _stats.csv, "
    "perhaps with _stats_history, _failures and _exceptions)"
)
FIGURES = re.compile(r"window\.templateArgs\s*=\s*(?=\{)")
"""Where the figures of an HTML report begin."""
_JSON = re.compile(r'\s*\[\s*(?:\]|\{[^{}]{0,2000}"num_requests")')
_CSV: Mapping[str, Kind] = {
    "Type,Name,Request Count,": "stats",
    "Timestamp,User Count,Type,Name,": "history",
    "Method,Name,Error,Occurrences": "failures",
    "Count,Message,Traceback,Nodes": "exceptions",
}


def kind_of(text: str) -> Kind | None:
    if text.lstrip()[:1] == "<":
        return "html" if FIGURES.search(text) else None
    if _JSON.match(text):
        return "json"
    return next((kind for head, kind in _CSV.items() if text.startswith(head)), None)
