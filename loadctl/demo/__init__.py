"""An embedded ML-platform API with faults on demand: the default system and the bench of truth.

`serve(DemoOptions(port=8080))` blocks until a signal, a crash fault or, if asked for, the parent's death.
As its own process: `python -m loadctl.demo --port 0 --exit-with-parent`; its one line of output has the URL.
"""

from __future__ import annotations

from loadctl.demo.lifecycle import DemoOptions

__all__ = ["DemoOptions", "serve"]


def serve(options: DemoOptions) -> int:
    """Serve the demo system on loopback until told to stop; the exit code (0: stopped, 1: a crash fault).

    Raises UsageError, before anything listens, for options that cannot be read and for a busy port.
    """
    from loadctl.demo.lifecycle import live  # uvicorn and asyncio: not for everyone who asks for the options

    return live(options)
