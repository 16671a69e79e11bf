"""A page in a process of its own, whose buttons give orders: lines that it appends to a file, read as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from loadctl.engines.base import Command
from loadctl.errors import RunError, UsageError
from loadctl.run.merge import Tail
from loadctl.run.process import Child
from loadctl.temporary import new_folder, remove

_COMES_UP_S = 60.0
_LEAVES_S = 3.0
_LOOK_S = 0.02


class Page:
    """Entered: it was started. Its files are in a folder of their own, gone at the end."""

    def __init__(self, command: Callable[[Path], Command], name: str) -> None:
        """`command`: given the file for orders. `name`: for people, "Locust's page on port 8089"."""
        self._command = command
        self._name = name

    def __enter__(self) -> Self:
        self._folder = new_folder("page")
        orders = self._folder / "orders.ndjson"
        self._tail = Tail(orders)
        self._child = Child(self._command(orders), out=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate(_LEAVES_S)
        remove(self._folder)

    def first_line(self) -> bytes:
        """The first line that it writes, when it is up. Raises: UsageError when it cannot be served."""
        deadline = time.monotonic() + _COMES_UP_S
        while not (lines := self.lines()):
            if self.gone or time.monotonic() > deadline:
                late = "" if self.gone else f" within {_COMES_UP_S:.0f} s"
                raise UsageError(
                    f"{self._name} could not be served{late}{self._words()}", hint="another one:  --port N"
                )
            time.sleep(_LOOK_S)
        return lines[0]

    def lines(self) -> Sequence[bytes]:
        """What it has written since the last call."""
        return list(self._tail.lines())

    def tell(self, line: str) -> None:
        self._child.send(line)

    @property
    def gone(self) -> bool:
        return self._child.poll() is not None

    def check(self) -> None:
        """Raises: RunError when it has ended."""
        if self.gone:
            raise RunError(f"{self._name} has ended{self._words()}")

    def _words(self) -> str:
        last = next(reversed(self._child.last_words().splitlines()), "")
        return f": {last}" if last else ""
