"""Stacks as a flame graph: one SVG that needs nothing else, light or dark as the reader's screen. Record → str.

The wider a box, the more samples; what hangs below it was called by it. Boxes narrower than half a pixel are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

from loadctl.reports.printable import printable
from loadctl.results.recording import Profile, Stack

WIDTH = 1200
_ROW = 18
_CHAR = 6.6
_LEAST = 0.5
_HEAD = 44
_DEEPEST = 200
_STYLE = (
    "svg{font:12px ui-monospace,Menlo,Consolas,monospace;background:#fff;--ink:#1a1a1a;--dim:#555}"
    "text{fill:var(--ink)}.d{fill:var(--dim)}g text{fill:#1a1a1a;pointer-events:none}"
    "rect{stroke:#fff;stroke-width:.5}rect:hover{stroke:#000;stroke-width:1}"
    "@media(prefers-color-scheme:dark){svg{background:#14161a;--ink:#e8e8e8;--dim:#aaa}rect{stroke:#14161a}"
    "rect:hover{stroke:#fff}}"
)


@dataclass(slots=True)
class _Box:
    count: int = 0
    inner: dict[str, _Box] = field(default_factory=dict)


def flamegraph(stacks: Mapping[Stack, int], title: str) -> str:
    """An SVG document; names in it are harmless, whatever they hold."""
    root = _Box()
    for stack, count in sorted(stacks.items()):
        root.count += count
        box = root
        for frame in stack[:_DEEPEST]:
            box = box.inner.setdefault(frame, _Box())
            box.count += count
    height = _HEAD + (_depth(root) + 1) * _ROW
    label = escape(printable(title, 150))
    if not root.count:
        label += ": no samples"
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">',
        f"<title>{label}</title><style>{_STYLE}</style>",
        f'<text x="8" y="18" font-size="14">{label}</text>',
        f'<text x="8" y="36" class="d">{root.count:,} samples; point at a box for its name and share</text>',
        *_boxes(root, 0.0, 0, root.count),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _depth(box: _Box) -> int:
    return 1 + max(map(_depth, box.inner.values()), default=-1) if box.inner else 0


def _boxes(box: _Box, x: float, depth: int, total: int) -> Iterator[str]:
    for name, inner in sorted(box.inner.items()):
        width = WIDTH * inner.count / total
        if width >= _LEAST:
            yield _drawn(name, x, _HEAD + depth * _ROW, width, 100 * inner.count / total)
            yield from _boxes(inner, x, depth + 1, total)
        x += width


def _drawn(name: str, x: float, y: int, width: float, share: float) -> str:
    room = int((width - 6) / _CHAR)
    shown = printable(name, 300)
    label = shown if len(shown) <= room else f"{shown[: room - 1]}…" if room > 3 else ""
    hue = crc32(name.encode("utf-8", "replace")) % 50  # the same function has the same colour in every graph
    text = f'<text x="{x + 3:.1f}" y="{y + 13}">{escape(label)}</text>' if label else ""
    return (
        f"<g><title>{escape(shown)}: {share:.1f} %</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 1}" fill="hsl({hue + 5},85%,70%)"/>{text}</g>'
    )


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
