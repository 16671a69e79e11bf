"""What a failed request says for itself, in one line."""

from __future__ import annotations

import json

from loadctl.results.recording import Example

_KEYS = ("detail", "message", "error", "title")
"""Where a JSON answer says what went wrong: FastAPI, many others, RFC 9457."""


def said(example: Example) -> str:
    """The answer's own words: that its status was not the one expected is known already. Else the recorder's."""
    if example.error_class.startswith("status_") and (words := _words(example.body).strip()):
        return words
    return example.message


def _words(body: str) -> str:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip().startswith("<") else body  # a page of HTML tells nobody anything
    if isinstance(found, dict):
        return next((found[key] for key in _KEYS if isinstance(found.get(key), str)), body)
    return body
