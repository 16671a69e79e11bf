"""`loadctl schema`: the published form of result.json."""

from __future__ import annotations

import json
import sys


def schema() -> None:
    """Print the JSON Schema of result.json."""
    from loadctl.results.schema import schema as result_schema

    sys.stdout.write(json.dumps(result_schema(), indent=2, ensure_ascii=False) + "\n")
