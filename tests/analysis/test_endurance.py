"""What is said of growth over a run at constant load."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from loadctl.analysis.endurance import endurance_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Reading
from loadctl.results.verdict import Finding
from loadctl.scenario.load import Load
from tests.analysis.test_trend import MB, sawtooth, series
from tests.records import replace
from tests.results.recorded import interval, load, recording, scenario, second, target

QUARTER = 900


def steady(ms: Callable[[int], float] = lambda _: 10.0, n: int = QUARTER) -> list[Second]:
    return [second(t, {"GET /": interval([ms(t)] * 20)}) for t in range(n)]


def watched(values: Sequence[float], name: str = "memory_bytes") -> list[Reading]:
    return [
        Reading(t + 1.0, "system", "process", "api pid 7", {name: value}) for t, value in enumerate(values)
    ]


def findings(
    seconds: Sequence[Second], readings: Sequence[Reading] = (), plan: Load | None = None
) -> dict[str, Finding]:
    asked = scenario(plan or load(f"10 {len(seconds)} hold"), [target("memory", 2e9, 1e9, unit="bytes")])
    made = recording(seconds, readings=readings)
    return {
        finding.id: finding for finding in endurance_findings(RunContext(asked, made, measure(asked, made)))
    }


def test_growing_memory_is_told_with_its_rate_and_the_time_that_is_left() -> None:
    found = findings(steady(), watched(series(1, lambda x: 100 * x, QUARTER)))["memory-growing"]
    rate = found.evidence["growth_bytes_per_h"]
    assert isinstance(rate, int)
    assert rate == pytest.approx(400 * MB, rel=0.15)
    assert (
        "per hour, without slowing down; at this rate the critical limit of 2.00 GB is reached in about"
        in found.message
    )
    assert "leak" not in found.message


def test_a_sawtooth_is_stable() -> None:
    found = findings(steady(), watched(series(1, sawtooth, QUARTER)))
    assert set(found) == {"memory-stable"}
    assert found["memory-stable"].severity == "good"


def test_of_a_short_run_it_is_said_that_memory_grew_and_what_would_tell() -> None:
    grown = watched([31e6 + 3e5 * t for t in range(60)])
    found = findings(steady(n=60), grown, load("10 6 warm warmup", "10 54 hold"))
    assert (found["memory-grew"].severity, set(found)) == ("info", {"memory-grew"})
    assert found["memory-grew"].message == (
        "memory grew from 33 MB to 49 MB within 53 s at constant load; a run with --duration 12m "
        "would show whether that continues"
    )
    nine_minutes = watched([31e6 + 3e5 * t for t in range(540)])
    assert findings(steady(n=540), nine_minutes)["memory-grew"].message.endswith(
        "a run with --duration 10m would show whether that continues"
    )
    for values in ([31e6 + 2e5 * (t % 30) for t in range(60)], [31e6 + 1e5 * t for t in range(60)]):
        assert findings(steady(n=60), watched(values)) == {}
    files = findings(steady(n=60), watched([20.0 + t for t in range(60)], "open_fds"))
    assert files["open-files-grew"].message.startswith(
        "open files grew from 20 to 79 within 59 s at constant load"
    )


def test_within_the_longest_level_of_a_staircase_growth_is_told_too() -> None:
    steps = load("10 20 a", "10..20 10 b", "20 30 c")
    found = findings(steady(n=60), watched([31e6 + 6e5 * t for t in range(60)]), steps)
    assert found["memory-grew"].message == (
        "memory grew from 49 MB to 66 MB within 29 s at constant load; a load that holds "
        "one level for 10 min would show whether that continues"
    )
    by_level = watched([40e6 if t < 20 else 80e6 for t in range(60)])  # what more users need
    assert findings(steady(n=60), by_level, steps) == {}


def test_nothing_is_said_while_the_load_changes() -> None:
    rising = load("10..30 900 ramp")
    assert findings(steady(), watched(series(1, lambda x: 100 * x, QUARTER)), rising) == {}


def test_open_files_that_are_never_closed() -> None:
    found = findings(steady(), watched([50.0 + t / 3 for t in range(QUARTER)], "open_fds"))
    assert found["descriptors-growing"].message.startswith("open files grew steadily, from 1")
    assert findings(steady(), watched([50.0 + t % 7 for t in range(QUARTER)], "open_fds")) == {}


def test_a_source_that_does_not_speak_for_the_system_is_not_asked() -> None:
    page = [replace(r, source="metrics") for r in watched(series(1, lambda x: 100 * x, QUARTER))]
    flat = watched(series(2, lambda _: 0.0, QUARTER))
    assert "memory-growing" not in findings(steady(), [*page, *flat])
