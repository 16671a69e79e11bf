"""Warm-up ends before the load, however slow the machine is."""

from __future__ import annotations

from tests.engines.scripted import Runtime


def test_what_was_not_done_in_time_does_not_go_on_during_the_load() -> None:
    assert Runtime("locust").run("run_warm", None) == []
