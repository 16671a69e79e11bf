"""`loadctl schema`: the published form of result.json."""

from __future__ import annotations

from loadctl.cli.output import write_json


def schema() -> None:
    """Print the JSON Schema of result.json."""
    from loadctl.results.schema import schema as result_schema

    write_json(result_schema())
