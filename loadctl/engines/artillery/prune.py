"""What of the installed packages no run can need. By kind of file: a script may use any package and any plugin."""

from __future__ import annotations

from pathlib import Path

NOT_RUN = (".ts", ".mts", ".cts", ".tsx", ".map", ".flow", ".md", ".markdown")
"""Node runs no TypeScript below node_modules; the rest is for editors, debuggers and people."""
_LEGAL = ("licen", "notice", "copying")


def prune(modules: Path) -> int:
    """Remove it; how many bytes that was."""
    saved = 0
    for file in modules.rglob("*"):
        if file.name.endswith(NOT_RUN) and file.is_file() and not _is_legal(file):
            saved += file.stat().st_size
            file.unlink()
    return saved


def _is_legal(file: Path) -> bool:
    """Licences stay with what they license."""
    return any(word in file.name.lower() for word in _LEGAL)
