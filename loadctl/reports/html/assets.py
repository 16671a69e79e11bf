"""The files that every page carries in it, and their digests for its content security policy."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from loadctl.errors import UsageError

_HERE = files("loadctl.reports.html")


@dataclass(frozen=True, slots=True)
class Assets:
    """`library`: uPlot, as it is built while loadctl is installed; its licence goes with it."""

    style: str
    script: str
    library: str
    library_style: str
    licence: str

    @property
    def policy(self) -> str:
        """Nothing is loaded, sent or framed; only these scripts and styles count."""
        scripts = " ".join(map(_digest, (self.library, self.script)))
        styles = " ".join(map(_digest, (self.library_style, self.style)))
        return (
            f"default-src 'none'; script-src {scripts}; style-src {styles}; "
            "base-uri 'none'; form-action 'none'"
        )


def assets() -> Assets:
    """Raises: UsageError where uPlot is not there."""
    try:
        library, library_style, licence = (
            _text("uplot", name) for name in ("uPlot.iife.min.js", "uPlot.min.css", "LICENSE")
        )
    except FileNotFoundError as error:
        raise UsageError(
            "the HTML report needs uPlot, which this installation of loadctl was built without",
            hint="install loadctl again; from a checkout:  python hatch_build.py",
        ) from error
    return Assets(
        style=_text("assets", "report.css"),
        script=_text("assets", "report.js"),
        library=library,
        library_style=library_style,
        licence=licence,
    )


def template(name: str) -> str:
    return _text("templates", name)


def _text(folder: str, name: str) -> str:
    return (_HERE / folder / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
