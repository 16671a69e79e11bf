"""Stacks in the file format of speedscope, which opens it in a browser without sending it anywhere. Record → str.

Source: https://www.speedscope.app/file-format-schema.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from loadctl.results.profile import Profile

_FRAME = re.compile(r"(?P<name>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)")


def speedscope(profiles: Sequence[Profile], name: str) -> str:
    """A document with a profile for each of them; a weight of 1 is one sample."""
    indices: dict[str, int] = {}
    shown = []
    for profile in profiles:
        samples = []
        weights = []
        for stack, count in sorted(profile.stacks.items()):
            samples.append([indices.setdefault(frame, len(indices)) for frame in stack])
            weights.append(count)
        shown.append(
            {
                "type": "sampled",
                "name": f"{profile.label} ({profile.start_s:.0f} to {profile.end_s:.0f} s)",
                "unit": "none",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        )
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": name,
        "exporter": "loadctl",
        "shared": {"frames": [_frame(frame) for frame in indices]},
        "profiles": shown,
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def _frame(frame: str) -> dict[str, str | int]:
    found = _FRAME.fullmatch(frame)
    if found is None:
        return {"name": frame}
    line = {"line": int(found["line"])} if found["line"] else {}
    return {"name": found["name"], "file": found["file"], **line}
