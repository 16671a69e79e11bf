"""Locust's statistics of the same requests twice, as JSON: logged one by one, and fed by the second through the page.

Reads {"times": [[second, endpoint, µs, failed]], "messages": [line]} from standard input. Run by test_page.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

INSIDE = Path(__file__).parents[2] / "loadctl" / "engines" / "locust" / "inside"


def package() -> str:
    spec = importlib.util.spec_from_file_location(
        "_inside", INSIDE / "__init__.py", submodule_search_locations=[str(INSIDE)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["_inside"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return "_inside"


def figures(stats: Any) -> dict[str, Any]:
    rows = {f"{method} {name}": entry for (name, method), entry in stats.entries.items()}
    rows["total"] = stats.total
    return {
        name: {
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "mean": entry.avg_response_time,
            "min": entry.min_response_time,
            "max": entry.max_response_time,
            "percentiles": [entry.get_response_time_percentile(q) for q in (0.5, 0.95, 0.99)],
            "per_second": sorted(entry.num_reqs_per_sec.values()),
        }
        for name, entry in rows.items()
    }


def main() -> None:
    given = json.load(sys.stdin)
    sys.argv[1:] = []
    environment_of = importlib.import_module(f"{package()}.page_runner").environment_of
    from locust.stats import RequestStats

    logged = RequestStats()
    for _, endpoint, us, failed in given["times"]:
        method, name = endpoint.split(" ", 1)
        logged.log_request(method, name, us / 1000, 10)
        if failed:
            logged.log_error(method, name, "status 500")
    orders: list[dict[str, Any]] = []
    settings = {
        "host": "http://localhost",
        "title": "t",
        "users": 5,
        "spawn_rate": 1,
        "rotation": [0, 1, 0],
        "user_types": [
            {"name": "A", "weight": 2, "tasks": {"one": 1, "two": 3}},
            {"name": "B", "weight": 1, "tasks": {"one": 1}},
        ],
    }
    _, runner = environment_of(settings, lambda **what: orders.append(what))
    states = [runner.state]
    runner.start(5, 2.0)
    states.append(runner.state)
    for line in given["messages"]:
        runner.hear(json.loads(line))
    states.append(runner.state)
    counts = runner.user_classes_count
    errors: Counter[str] = Counter()
    for error in runner.errors.values():
        errors[error.error] += error.occurrences
    runner.start(7, 1.0)
    runner.hear({"ended": {"lines": ["PASS"], "trouble": None}})
    states.append(runner.state)
    print(
        json.dumps(
            {
                "logged": figures(logged),
                "fed": figures(runner.stats),
                "errors": errors,
                "states": states,
                "orders": orders,
                "classes": counts,
            }
        )
    )


if __name__ == "__main__":
    main()
