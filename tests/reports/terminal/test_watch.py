"""The screen of `loadctl watch`, and its plain lines."""

from __future__ import annotations

from loadctl.reports.terminal.live import plain, screen
from loadctl.results.readings import HISTORY, Latest
from loadctl.results.recording import Event, Reading


def watched(*seen: Reading | Event) -> Latest:
    latest = Latest()
    for one in seen:
        latest.add(one)
    return latest


CPU = {"cpu_pct": 41.0, "cpu_cores": 0.82, "cores_available": 2.0, "memory_bytes": 214e6, "threads": 12}
API = [Reading(float(t), "system", "container", "api", CPU) for t in range(1, 5)]
POOL = Reading(4.0, "system", "metrics", "/metrics", {"db_pool_in_use": 12.0})
LOGS = [Reading(float(t), "system", "logs", "api.log", {"log_lines": 100, "log_errors": 1}) for t in (1, 2)]


def test_a_screen_at_80_columns() -> None:
    restart = Event(3.0, "service_restarted", "killed by the kernel: out of memory")
    host = Reading(4.0, "host", "host", "this machine", {"cpu_pct": 62.0, "memory_available_bytes": 3.1e9})
    lines = screen(watched(*API, POOL, *LOGS, host, restart), "watching container api on http://h:80")
    assert lines == [
        "watching container api on http://h:80                                       0:04",
        "",
        "SYSTEM",
        "  container api               ▄▄▄▄          cpu 41 % of 2 cores, memory 214 MB",
        "    threads 12",
        "  metrics /metrics",
        "    db pool in use            █             12",
        "  logs api.log                              2 errors in 200 lines",
        "",
        "MACHINE",
        "  host this machine           ▅             cpu 62 %",
        "    memory available          █             3.10 GB",
        "",
        "EVENTS",
        "    0:03  service restarted: killed by the kernel: out of memory",
    ]


def test_a_gap_is_told_instead_of_old_figures() -> None:
    gap = Reading(5.0, "system", "container", "api", gap="it exited with 137")
    assert "  container api               it exited with 137" in screen(watched(*API, gap), "x")
    assert plain(watched(*API, gap)) == ["0:05  container api: it exited with 137"]


def test_a_plain_line_has_all_figures() -> None:
    assert plain(watched(*API)) == ["0:04  container api: cpu 41 % of 2 cores, memory 214 MB, threads 12"]


def test_hostile_names_stay_one_line_each() -> None:
    hostile = Reading(1.0, "system", "pods", "a\x1b[31m\nb" * 50, {"x\ny": 1.0})
    lines = screen(watched(hostile, Event(1.0, "log_error", "\x1b]0;x\x07" * 200)), "h\n" * 99)
    assert all(len(line) <= 80 and "\x1b" not in line and "\n" not in line for line in lines)


def test_memory_does_not_grow_with_time() -> None:
    latest = Latest()
    for t in range(1000):
        latest.add(Reading(float(t), "system", "logs", f"log {t}", {"log_lines": 1}))
        latest.add(Event(float(t), "log_error", "x"))
        latest.add(API[0])
    assert len(latest.entities) == 200
    assert len(latest.events) == HISTORY
    many = watched(*(API[0] for _ in range(500)))
    assert len(many.of("system")["container api"].history["cpu_pct"]) == HISTORY
