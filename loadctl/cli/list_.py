"""`loadctl list`: the scenarios that can be run here."""

from __future__ import annotations

import json
import sys

from loadctl.cli.arguments import JsonFlag


def list_(as_json: JsonFlag = False) -> None:
    """List the scenarios of this folder and the packaged ones."""
    from loadctl.cli.project import Overrides, Project
    from loadctl.errors import LoadctlError
    from loadctl.reports.plan import list_line
    from loadctl.scenario.scenario import Scenario

    project = Project()
    rows: list[tuple[str, str, Scenario | str]] = []
    for entry in project.entries():
        try:
            rows.append(
                (entry.name, entry.source, project.read(entry.name, Overrides(host="http://localhost")))
            )
        except LoadctlError as error:
            rows.append((entry.name, entry.source, error.message))
    if as_json:
        document = [
            {
                "name": name,
                "source": source,
                "goal": None if isinstance(found, str) else found.goal,
                "mistake": found if isinstance(found, str) else None,
            }
            for name, source, found in rows
        ]
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    sys.stderr.write(f"scenarios in {(project.folder / 'scenarios').resolve()}, then the packaged ones\n")
    for name, source, found in rows:
        sys.stdout.write(list_line(name, source, found) + "\n")
