"""`loadctl list`: the scenarios that can be run here."""

from __future__ import annotations

from pathlib import Path

from loadctl.cli.options import JsonFlag, Overrides
from loadctl.cli.output import columns, write, write_json
from loadctl.cli.planning import read_entry
from loadctl.cli.project import Entry, Project, script_command
from loadctl.errors import LoadctlError
from loadctl.reports.terminal.plan import list_lines, load_in_words
from loadctl.scenario.scenario import Scenario


def list_(*, as_json: JsonFlag = False) -> None:
    """List the scenarios and scripts of this folder, and the packaged scenarios."""
    project = Project()
    scripts = project.scripts()
    rows = [(entry, _read(entry)) for entry in project.entries()]
    if as_json:
        write_json([*(_document(*row) for row in rows), *map(_of_script, scripts)])
        return
    folder = (project.folder / "scenarios").resolve()
    own = [(entry.name, found) for entry, found in rows if not entry.packaged]
    packaged = [(entry.name, found) for entry, found in rows if entry.packaged]
    lines = [f"{folder}:" if own else f"nothing in {folder}; loadctl init writes a first scenario"]
    lines += list_lines(own, columns())
    if scripts:
        lines += ["scripts:", *(f"  {script_command(path)}" for path in scripts)]
    if packaged:
        lines += ["packaged with loadctl:", *list_lines(packaged, columns())]
    write("\n".join(lines))


def _read(entry: Entry) -> Scenario | str:
    """The scenario, or what is wrong with it; that it has no host is no mistake here."""
    try:
        return read_entry(entry, Overrides(host="http://localhost"))
    except LoadctlError as error:
        return error.message


def _document(entry: Entry, found: Scenario | str) -> dict[str, object]:
    valid = None if isinstance(found, str) else found
    return {
        "name": entry.name,
        "kind": "scenario",
        "source": entry.source,
        "packaged": entry.packaged,
        "goal": valid and valid.goal,
        "load": valid and load_in_words(valid.load),
        "model": valid and valid.load.model,
        "duration_s": valid and valid.load.duration_s,
        "mistake": found if isinstance(found, str) else None,
    }


def _of_script(path: Path) -> dict[str, object]:
    nothing = dict.fromkeys(("goal", "load", "model", "duration_s", "mistake"))
    return {"name": str(path), "kind": "script", "source": str(path), "packaged": False, **nothing}
