"""What an exception of the user's script says, and where it was raised."""

from __future__ import annotations

import traceback
from pathlib import Path

_OURS = str(Path(__file__).parent.parent)


class ScriptError(Exception):
    """The script cannot be run; the message is one sentence for people."""


def sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def place_of(error: BaseException) -> str:
    """The innermost line outside of Locust and loadctl, as in `own.py:12`; empty where there is none."""
    import locust

    frames = traceback.extract_tb(error.__traceback__)
    homes = (_OURS, str(Path(locust.__file__).parent))
    own = [frame for frame in frames if not frame.filename.startswith(homes)]
    frame = (own or frames)[-1] if frames else None
    return f"{Path(frame.filename).name}:{frame.lineno}" if frame else ""
