"""Being asked to stop while reading what somebody else sends, and may never send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class _Closable(Protocol):
    def close(self) -> None: ...


class Stopping(threading.Event):
    """An event that, when it is set, ends what its thread is reading."""

    def __init__(self) -> None:
        super().__init__()
        self._reading: _Closable | None = None

    def set(self) -> None:
        super().set()
        reading = self._reading
        if reading is not None:
            reading.close()

    @contextmanager
    def ends(self, stream: _Closable) -> Iterator[None]:
        """Within, `stream` is closed, from another thread, as soon as the event is set."""
        self._reading = stream
        try:
            if self.is_set():  # between the last look at it and now
                stream.close()
            yield
        finally:
            self._reading = None
