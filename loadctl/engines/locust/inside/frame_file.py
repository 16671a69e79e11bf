"""Where the recorder's lines go."""

from __future__ import annotations

import os


class FrameFile:
    """`frames/<shard>.ndjson`: append-only, 0600; each line goes to the kernel at once."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, line: str) -> None:
        data = line.encode()
        while data:
            data = data[os.write(self._fd, data) :]
