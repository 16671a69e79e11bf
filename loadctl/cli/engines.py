"""`loadctl engines`: what can make load here."""

from __future__ import annotations

from loadctl.cli.arguments import JsonFlag
from loadctl.cli.output import write, write_json


def engines(*, as_json: JsonFlag = False) -> None:
    """List the engines and their versions."""
    from loadctl.engines import ENGINES

    found = [(name, engine.version(), engine.install_hint) for name, engine in ENGINES.items()]
    if as_json:
        write_json(
            [
                {"name": name, "version": version, "usable": version is not None, "install": hint}
                for name, version, hint in found
            ]
        )
        return
    for name, version, hint in found:
        state = f"{version}  usable" if version else f"not installed:  {hint}"
        write(f"{name:<12}{state}")
