"""The user's folder: which scenarios and targets there are, and where they come from.

The folder is the working directory (`-C DIR` enters another). Scenarios are `scenarios/*.yaml` (users.yaml is not one),
targets are `targets.yaml`; what the folder does not have is taken from the package, and the output says so.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import loadctl
from loadctl.errors import UsageError
from loadctl.scenario.reading.document import Text

if TYPE_CHECKING:
    from loadctl.run.directory import RunDirectory

USERS = "users.yaml"
_USERS_FILES = {USERS, "users.yml"}
TARGETS = "targets.yaml"
_ENGINES_OWN = {
    ".py": r"^\s*(?:from|import) locust\b",
    **dict.fromkeys((".ts", ".js"), r"\bexport const scenarios\b|\bexports\.scenarios\b"),
    **dict.fromkeys((".yml", ".yaml", ".json"), r"""^(?:\{\s*)?(?:\s*"config"|config|"?scenarios"?)\s*:"""),
}
_BEGINNING = 1_000_000
_LARGEST = 100_000_000
"""Bytes. Scenarios are far smaller (document.py has their limit); data files may have a million rows."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario that can be run by name."""

    name: str
    path: Path
    packaged: bool

    @property
    def source(self) -> str:
        return f"(packaged) {self.name}" if self.packaged else str(self.path)


@dataclass(frozen=True, slots=True)
class Project:
    folder: Path = field(default_factory=Path)

    def entries(self) -> list[Entry]:
        """The folder's own scenarios, then the packaged ones that it does not replace, each sorted by name."""
        own = _entries(self.folder / "scenarios", packaged=False)
        names = {entry.name for entry in own}
        shipped = _entries(_packaged() / "scenarios", packaged=True)
        return own + [entry for entry in shipped if entry.name not in names]

    def scripts(self) -> list[Path]:
        """Scripts that an engine runs by itself, here and in scenarios/."""
        folders = (self.folder, self.folder / "scenarios")
        found = [path for folder in folders for path in sorted(folder.glob("*.*"))]
        return [
            path
            for path in found
            if path.suffix != ".json" and path.name not in _USERS_FILES and _is_engines_own(path)
        ]

    def find(self, reference: str | None) -> Entry:
        """A scenario by name or path; without a reference, the folder's only one."""
        entries = self.entries()
        own = [entry for entry in entries if not entry.packaged]
        if reference is None and not own and (scripts := self.scripts()):
            raise UsageError(
                f"there is no scenario here, but {', '.join(map(str, scripts[:12]))}",
                hint="\n".join(map(script_command, scripts[:3])),
            )
        if reference is None:
            return _the_only(own or entries)
        if reference.endswith((".yaml", ".yml")):
            path = Path(reference)
            if not is_file(path):
                raise UsageError(
                    f"no such file: {reference}", hint="loadctl list  shows the scenarios of this folder"
                )
            return Entry(path.stem, path, packaged=False)
        for entry in entries:
            if entry.name == reference:
                return entry
        near = get_close_matches(reference, [entry.name for entry in entries], n=1)
        raise UsageError(
            f"no scenario is named '{reference}'" + (f"; did you mean '{near[0]}'?" if near else ""),
            hint=f"looked in {self.folder.resolve() / 'scenarios'} and among the packaged ones: "
            + ", ".join(entry.name for entry in entries),
        )

    def targets(self, *, packaged: bool, beside: Path | None = None) -> Text | None:
        """The targets table: the folder's own, one beside the scenario, or the packaged one for packaged scenarios."""
        places = [self.folder, *([beside, beside.parent] if beside else [])]
        for place in places:
            if not packaged or place == self.folder:
                path = place / TARGETS
                if is_file(path):
                    return Text(str(path), read_text(path))
        return Text(f"(packaged) {TARGETS}", read_text(_packaged() / TARGETS)) if packaged else None


def run_directory(reference: str, parent: Path) -> RunDirectory:
    """The run that `reference` names: a directory, a file in it, an id, a part of one, `latest~1`.

    Raises: UsageError; also for a run that has not ended, which would look like one whose loadctl was killed.
    """
    from loadctl.run.store import open_run

    path = Path(reference)
    run = open_run(str(path.parent) if is_file(path) else reference, parent)
    if run.is_going:
        raise UsageError(
            f"{run.id} is still running and can be judged when it has ended", hint="an earlier one:  latest~1"
        )
    return run


def shown_as(path: Path, *, packaged: bool) -> str:
    """How messages name a file."""
    return f"(packaged) {path.name}" if packaged else str(path)


def is_url(reference: str | None) -> TypeGuard[str]:
    return reference is not None and reference.startswith(("http://", "https://"))


def address(url: str) -> str:
    """`url`, if it is one. Raises: UsageError."""
    from loadctl.scenario.consent import web_address

    try:
        web_address(url)
    except ValueError:
        raise UsageError(
            f"{url} is not a URL", hint=None if "://" in url else f"write  http://{url.lstrip('/')}"
        ) from None
    return url


def is_script(reference: str | None) -> TypeGuard[str]:
    """A file that one of the engines runs by itself."""
    if reference is None:
        return False
    path = Path(reference)
    return path.suffix in {".py", ".ts", ".js"} or _is_engines_own(path)


def is_quick(reference: str | None) -> bool:
    """Not a scenario: its load is made from the options of the command line."""
    return is_url(reference) or is_script(reference)


def _packaged() -> Path:
    """The shipped scenarios: inside the installed package, or beside it in a checkout."""
    inside = Path(loadctl.__file__).parent / "packaged"
    return inside if inside.is_dir() else Path(loadctl.__file__).parent.parent


def _entries(folder: Path, *, packaged: bool) -> list[Entry]:
    """The scenarios of a folder, by name; scripts of an engine that also speaks YAML are none."""
    paths = [path for path in sorted(folder.glob("*.y*ml")) if path.suffix in {".yaml", ".yml"}]
    return [
        Entry(path.stem, path, packaged)
        for path in paths
        if path.name not in _USERS_FILES and not _is_engines_own(path)
    ]


def _is_engines_own(path: Path) -> bool:
    """Whether the text of a file says that an engine runs it; many files end in .py and .js."""
    pattern = _ENGINES_OWN.get(path.suffix)
    return pattern is not None and re.search(pattern, beginning(path), re.MULTILINE) is not None


def script_command(path: Path) -> str:
    """What runs it; a script without phases of its own is given a small load."""
    own_load = path.suffix in {".yml", ".yaml"} and re.search(r"\bphases\b", beginning(path)) is not None
    load = () if own_load else ("-u", "10", "-t", "30s")
    return f"loadctl {shlex.join(['run', str(path), *load])}"


def _the_only(entries: Sequence[Entry]) -> Entry:
    if len(entries) == 1:
        return entries[0]
    if not entries:
        raise UsageError("there is no scenario here", hint="loadctl init  writes one")
    raise UsageError(
        "which scenario? There are several: " + ", ".join(entry.name for entry in entries),
        hint="name one of them",
    )


# -- reading files -------------------------------------------------------------------------------------------------


def is_file(path: Path) -> bool:
    """Whether a regular file is there; a name that no file can have is none."""
    return os.path.isfile(path)  # noqa: PTH113  that of pathlib raises OSError for names that are too long


def read_text(path: Path, *, streams: bool = False, damaged: str = "strict") -> str:
    """The text of a file. With `streams` also what a pipe brings, as in `--targets <(…)`.

    `damaged`: what to do with bytes that are no UTF-8, as decode() has it. Raises: UsageError.
    """
    try:
        if not streams and not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise UsageError(f"cannot read {path}: it is not a regular file")
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is too large: more than {_LARGEST // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig", damaged)
    except UnicodeDecodeError as error:
        hint = "it is UTF-16; save it as UTF-8" if data.startswith(_UTF_16) else None
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start})", hint=hint) from error


def beginning(path: Path) -> str:
    """What a file begins with; nothing where it cannot be read."""
    if not is_file(path):
        return ""
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING).decode("utf-8", "replace")
    except OSError:
        return ""
