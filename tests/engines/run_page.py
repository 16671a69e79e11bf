"""Locust's page and a shard that reports to it, in one process: what the page knows in the end, as JSON.

Reads {"times": [[second, endpoint, µs, failed]]} from standard input. Run by test_page.py.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any


def module(name: str) -> Any:
    return importlib.import_module(f"loadctl.engines.locust.inside.{name}")


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
        }
        for name, entry in rows.items()
    }


def shop() -> Any:
    """An environment with two classes of users, as a locustfile has them."""
    from locust import SequentialTaskSet, User, constant
    from locust.env import Environment
    from locust.event import Events
    from locust.runners import LocalRunner

    def look(_user: object) -> None: ...
    def choose(_tasks: object) -> None: ...
    def pay(_tasks: object) -> None: ...

    buy = type("Buy", (SequentialTaskSet,), {"tasks": [choose, pay]})
    rests = {"wait_time": constant(60), "abstract": False}
    classes = [
        type("Shop", (User,), {"tasks": {look: 3, buy: 1}, **rests}),
        type("Other", (User,), {"tasks": [look], **rests}),
    ]
    environment = Environment(user_classes=classes, events=Events())
    environment.runner = LocalRunner(environment)
    return environment


def broken() -> None:
    raise ValueError("no stock")


def report(environment: Any, times: list[Any], worker: Any, statistics: Any) -> None:
    cell = module("recorder.cells").Cell
    for second in sorted({t for t, *_ in times}):
        cells: dict[str, Any] = {}
        for t, endpoint, us, failed in times:
            if t == second:
                known = cells.setdefault(endpoint, cell(float(second)))
                known.bytes += 10
                known.fail(us, "status_500") if failed else known.ok.add(us)
        for endpoint, known in cells.items():
            statistics.feed(endpoint, None, known)
        statistics.flush()
        for _ in range(2):
            try:
                broken()
            except ValueError as error:
                environment.events.user_error.fire(
                    user_instance=None, exception=error, tb=error.__traceback__
                )
        worker._report()


def wait_for(found: Callable[[], Any]) -> Any:
    import gevent

    with gevent.Timeout(10):
        while not (value := found()):
            gevent.sleep(0.01)
    return value


def main() -> None:
    times = json.load(sys.stdin)["times"]
    sys.argv[1:] = []
    environment_of = module("page_channel").environment_of
    import gevent
    from locust.stats import RequestStats
    from locust.user.inspectuser import get_ratio

    logged = RequestStats()
    for _, endpoint, us, failed in times:
        method, name = endpoint.split(" ", 1)
        logged.log_request(method, name, us / 1000, 10)
        if failed:
            logged.log_error(method, name, "status_500")
    orders: list[dict[str, Any]] = []
    settings = {"host": "http://localhost", "title": "t", "users": 5, "spawn_rate": 1, "shards": 1}
    _, page = environment_of(settings, lambda **what: orders.append(what))
    waiting = page.worker_count
    states = [page.state]
    page.start(3, 2.0)
    states.append(page.state)
    environment = shop()
    recorder = module("recorder.recorder").Recorder(lambda _line: None)
    statistics = module("recorder.statistics").Statistics(environment.stats, recorder.clock, recorder.uncount)
    recorder.statistics = statistics
    plan = {"master": {"host": "127.0.0.1", "port": page.server.port}, "user_types": []}
    worker = module("page_channel").Worker(environment, statistics, plan)
    worker.begin()
    users = environment.runner.spawn_users({"Shop": 2, "Other": 1})
    environment.runner.update_state("running")
    report(environment, times, worker, statistics)
    states.append(wait_for(lambda: page.state if page.state == "running" else None))
    wait_for(lambda: page.stats.num_requests == len(times) and page.user_count == 3)
    ratio = get_ratio(page.user_classes, page.reported_user_classes_count, False)
    (client,) = page.clients.values()
    client.heartbeat = -1
    wait_for(lambda: client.state == "missing" and not page.user_count)
    worker._report()
    wait_for(lambda: client.state == "running")
    states.append(page.state)
    page.start(4, 1.0)
    stopping = gevent.spawn(page.stop)
    wait_for(lambda: orders[-1] == {"kind": "stop"})
    states.append(page.state)
    for user in users:
        user.stop(force=True)
    worker.end()
    page.end(["PASS", "all is well"], None, "/report.html")
    stopping.join()
    states.append(page.state)
    print(
        json.dumps(
            {
                "waiting": waiting,
                "logged": figures(logged),
                "shown": figures(page.stats),
                "kept": environment.stats.total.num_requests,
                "errors": [(error.error, error.occurrences) for error in page.errors.values()],
                "exceptions": [(row["msg"], row["count"]) for row in page.exceptions.values()],
                "ratio": ratio,
                "states": states,
                "orders": orders,
                "workers": len(page.clients),
                "verdict": page.verdict,
            }
        )
    )


if __name__ == "__main__":
    main()
