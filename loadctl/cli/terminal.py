"""Is somebody there: a terminal to redraw, colours to see."""

from __future__ import annotations

import os
import sys


def is_terminal() -> bool:
    """A person watches: not a pipe, not a dumb terminal, not a CI job."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")


def in_actions() -> bool:
    """The log is read by GitHub Actions, which takes some lines for commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
