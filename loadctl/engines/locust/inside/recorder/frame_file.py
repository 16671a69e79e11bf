"""Where the recorder's lines go."""

from __future__ import annotations

import contextlib
import os
from typing import NoReturn


class FrameFile:
    """`frames/<shard>.ndjson`: append-only, 0600; each line goes to the kernel at once."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, line: str) -> None:
        data = line.encode()
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            _give_up(error)


def _give_up(error: OSError) -> NoReturn:
    """Load that nobody can record any more is only harm. No exception: scripts would catch it."""
    with contextlib.suppress(OSError):  # stderr is a file on the same disk
        os.write(2, f"frames cannot be written: {error.strerror}\n".encode())
    os._exit(1)
