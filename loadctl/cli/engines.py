"""`loadctl engines`: what can make load here."""

from __future__ import annotations

import json
import sys

from loadctl.cli.arguments import JsonFlag


def engines(as_json: JsonFlag = False) -> None:
    """List the engines, their versions, and whether they can be used."""
    from loadctl.engines import ENGINES

    found = [(name, engine.version(), engine.install_hint) for name, engine in ENGINES.items()]
    if as_json:
        rows = [
            {"name": name, "version": version, "usable": version is not None} for name, version, _ in found
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    for name, version, hint in found:
        state = f"{version}  usable" if version else f"not installed: {hint}"
        sys.stdout.write(f"{name:<12}{state}\n")
