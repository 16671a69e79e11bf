"""`loadctl schema`: the published forms of files, as JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

from loadctl.cli.options import one_of
from loadctl.cli.output import write_json
from loadctl.errors import UsageError


def schema(
    of: Annotated[
        str,
        typer.Argument(
            metavar="[result|comparison|baseline|scenario|users|targets]",
            help="Whose form.",
            autocompletion=one_of("result", "comparison", "baseline", "scenario", "users", "targets"),
        ),
    ] = "result",
) -> None:
    """Print the JSON Schema of result.json, of comparisons and baselines, or of the YAML files for an editor.

    An editor with a YAML language server takes the file that a first line names: # yaml-language-server: $schema=FILE
    """
    from loadctl.analysis.comparison import Comparison
    from loadctl.results.result import schema as result_schema
    from loadctl.results.wire.record import document_schema
    from loadctl.run.baseline import Baseline
    from loadctl.scenario.reading.json_schema import SCHEMAS

    forms = {
        "result": result_schema,
        "comparison": lambda: document_schema(Comparison, "loadctl.comparison/1"),
        "baseline": lambda: document_schema(Baseline, "loadctl.baseline/1"),
        **SCHEMAS,
    }
    if of not in forms:
        raise UsageError(f"there is no schema of '{of[:40]}'; there are {', '.join(forms)}")
    write_json(forms[of]())
