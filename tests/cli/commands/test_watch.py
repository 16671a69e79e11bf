"""`loadctl watch`, and what run and watch take for the system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadctl.cli.options import WatchOptions, parse_page
from loadctl.cli.planning import on_top_of
from loadctl.errors import UsageError
from loadctl.scenario.watch import Logs, MetricsPage, Watch
from tests.cli.conftest import Loadctl


def test_the_demo_is_watched_and_recorded(loadctl: Loadctl, folder: Path) -> None:
    said = loadctl("watch", "--demo", "--for", "2.5s", "--out", "kept")
    assert said.code == 0
    assert "watching python" in said.err
    assert "process python pid" in said.out
    readings = [json.loads(line) for line in (folder / "kept" / "readings.ndjson").read_text().splitlines()]
    assert {reading["source"] for reading in readings} >= {"process", "host"}
    assert any("cpu_pct" in reading.get("values", {}) for reading in readings)
    assert (folder / "kept" / "readings.ndjson").stat().st_mode & 0o077 == 0


def test_json_is_a_line_each(loadctl: Loadctl) -> None:
    said = loadctl("watch", "--demo", "--for", "1.5s", "--json")
    assert [json.loads(line)["t"] for line in said.out.splitlines()]


def test_what_cannot_be_written_is_said(loadctl: Loadctl, folder: Path) -> None:
    (folder / "file").write_text("")
    said = loadctl("watch", "--demo", "--for", "1s", "--out", "file/x")
    assert (said.code, "cannot write to file/x" in said.err) == (2, True)


def test_the_system_is_named_in_one_way() -> None:
    with pytest.raises(UsageError, match="--pid or --process and --container: the system is one of"):
        on_top_of(Watch(), WatchOptions(pid=1, containers=("api",)))


@pytest.mark.parametrize(
    ("page", "message"),
    [("ftp://x", "--metrics takes a path such as /metrics"), ("http://a:b@x/", "cannot hold a password")],
)
def test_a_page_that_makes_no_sense_is_refused(page: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_page(page)


def test_options_replace_the_system_and_leave_the_rest() -> None:
    page = MetricsPage(page="/metrics")
    watch = on_top_of(Watch(process="api", metrics=page), WatchOptions(containers=("a", "b")))
    assert (watch.process, watch.containers, watch.metrics) == (None, ("a", "b"), page)
    watch = on_top_of(watch, WatchOptions(logs=("x.log", "container")))
    assert watch.logs == Logs(files=(str(Path.cwd() / "x.log"),), container=True)  # where it was typed
    assert on_top_of(watch, WatchOptions()) == watch
