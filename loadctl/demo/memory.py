"""Memory that the demo system holds on to: a leak that grows evenly, or a sawtooth that falls back again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from loadctl.demo.fault import Fault, Leak, Sawtooth

_EVERY_S = 0.25
_BLOCK = 1 << 20


def held_bytes(faults: Sequence[Fault], now_s: float) -> int:
    """How much is held `now_s` seconds after the start."""
    held = 0.0
    for fault in faults:
        if isinstance(fault, Leak):
            held += fault.bytes_per_s * max(0.0, min(now_s, fault.end_s) - fault.start_s)
        elif isinstance(fault, Sawtooth) and fault.holds_at(now_s):
            held += fault.peak_bytes * (((now_s - fault.start_s) % fault.every_s) / fault.every_s)
    return int(held)


def hold_memory(faults: Sequence[Fault], age_s: Callable[[], float]) -> None:
    """In a thread of its own until the process ends; nothing is started where no fault needs it."""
    if any(isinstance(fault, Leak | Sawtooth) for fault in faults):
        threading.Thread(target=_hold, args=(faults, age_s), daemon=True).start()


def _hold(faults: Sequence[Fault], age_s: Callable[[], float]) -> None:
    blocks: list[bytes] = []
    while True:
        wanted = held_bytes(faults, age_s()) // _BLOCK
        del blocks[wanted:]
        while len(blocks) < wanted:
            blocks.append(b"\1" * _BLOCK)  # written to: untouched zeroes would take no memory
        time.sleep(_EVERY_S)
