"""What is told before a run: the curve, the expectations, and what cannot be judged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.reports.terminal.plan import (
    curve,
    list_lines,
    load_in_words,
    plan_document,
    preamble,
    show_plan,
    unjudgeable_lines,
)
from loadctl.scenario.expectation import expect, smoke_of
from loadctl.scenario.load import Load, Model, Stage
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import Scope, Target
from loadctl.scenario.user_type import Request, Task, Think, UserType
from loadctl.scenario.watch import Watch


def load(
    *stages: tuple[float, float, float] | tuple[float, float, float, str], model: Model = "closed"
) -> Load:
    """Each stage: start, end, seconds, and perhaps its name, which "warm-up" makes a warm-up."""
    return Load(
        model,
        [
            Stage(start, end, length, name[0] if name else f"stage {n}", warmup=name == ("warm-up",))
            for n, (start, end, length, *rest) in enumerate(stages)
            for name in [tuple(rest)]
        ],
    )


def get(path: str) -> Request:
    return Request(method="GET", url=path, endpoint=f"GET {path}")


def limit(
    metric: str, critical: float, unit: str = "ms", scope: Scope | None = None, **more: object
) -> Target:
    return Target(metric=metric, critical=critical, unit=unit, scope=scope or Scope(), **more)  # type: ignore[arg-type]


VISITOR = UserType(
    name="Visitor",
    weight=1,
    tasks=[Task("GET /a", 3, [get("/a")]), Task("GET /b", 1, [get("/b")])],
    think=Think(0.45, 0.45),
)
SCENARIO = Scenario(
    name="api",
    goal="Quick",
    source="scenarios/api.yaml",
    host="http://localhost:8000",
    load=load((20, 20, 10, "warm-up"), (20, 20, 50)),
    user_types=[VISITOR],
    targets=[limit("latency_p95", 200), limit("latency_p999", 900), limit("error_rate", 1, "%")],
)


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (load((20, 20, 60)), "20 users, 1 min"),
        (load((1, 1, 60)), "1 user, 1 min"),
        (load((10, 10, 5, "warm-up"), (10, 50, 60), (50, 50, 60)), "50 users, 2 min 5 s"),
        (load((10, 10, 60), (10, 50, 60)), "10→50 users, 2 min"),
        (load((300, 300, 300), model="open"), "300/s, 5 min"),
        (load((0.5, 0.5, 3600), model="open"), "0.5/s, 1 h"),
        (load((5, 5, 10, "warm-up")), "5 users, 10 s"),
        (Load("closed", []), "the script's own load"),
    ],
)
def test_a_load_in_words(planned: Load, words: str) -> None:
    assert load_in_words(planned) == words


def test_the_curve_is_the_load_over_time() -> None:
    planned = load((0, 60, 20, "warm-up"), (60, 60, 40), (60, 0, 20))
    assert list(curve(planned, 45)) == [
        "  60         ▃▇████████████████████▇▃",
        "           ▁▆████████████████████████▆▁",
        "          ▄████████████████████████████▄",
        "  30    ▃▇██████████████████████████████▇▃",
        "      ▁▆██████████████████████████████████▆▁",
        "     ▄██████████████████████████████████████▄",
        "   0 ··········────────────────────··········",
        "     0:00           0:30           1:00  1:20",
        "     ─ scored   · not scored: warm-up and ramp-down",
    ]


def test_a_short_peak_is_seen_in_a_long_run() -> None:
    planned = load((1, 1, 3600), (100, 100, 30), (1, 1, 3600))
    top = next(curve(planned, 80))
    assert "█" in top


def test_what_is_not_zero_leaves_a_trace() -> None:
    planned = load((1, 1, 60), (1000, 1000, 60))
    bottom = list(curve(planned, 80))[5]
    assert "▁" in bottom


def test_a_script_with_its_own_load_has_no_curve() -> None:
    assert list(curve(Load("closed", []), 80)) == []


stages = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 90_000)), min_size=1, max_size=12
)


@given(stages, st.integers(40, 200), st.sampled_from(["closed", "open"]))
def test_every_load_fits_into_the_width(
    planned: list[tuple[int, int, int]], width: int, model: Model
) -> None:
    drawn = list(curve(load(*planned, model=model), width))
    assert len(drawn) >= 8
    assert max(map(len, drawn[:8])) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_of_show(width: int) -> None:
    lines = show_plan(SCENARIO, expect(SCENARIO), width=width).splitlines()
    assert lines[:3] == [
        "api  20 users, 1 min, locust, http://localhost:8000",
        "Quick",
        "from scenarios/api.yaml",
    ]
    text = "\n".join(lines)
    assert "about 2,400 requests, 2,000 of them scored, up to 40.0/s, if it answers in 50 ms" in " ".join(
        text.split()
    )
    assert "2 of 3 targets can be judged" in " ".join(text.split())
    assert "  GET /a                         1,800       1,500" in lines
    assert "  warm-up                  0:00         10 s               20  not scored" in lines
    assert "  stage 1                  0:10         50 s               20" in lines
    assert "  latency_p999                   –      900 ms  cannot be judged" in lines
    assert "10,000 needed; --duration" in " ".join(text.split())
    assert max(map(len, lines)) <= width


def test_the_ramp_down_is_marked_as_not_scored() -> None:
    scenario = replace(SCENARIO, load=load((0, 20, 10), (20, 20, 60), (20, 0, 10)))
    lines = show_plan(scenario, expect(scenario)).splitlines()
    assert any(line.endswith("20 → 0  ramp-down") for line in lines)
    assert any(line.endswith("not scored: ramp-down") for line in lines)


def test_an_open_load_says_how_many_requests_an_arrival_makes() -> None:
    scenario = replace(
        SCENARIO,
        load=load((300, 300, 60), model="open"),
        user_types=[replace(VISITOR, tasks=[Task("flow", 1, [get("/a"), get("/b"), get("/c")])])],
    )
    text = " ".join(show_plan(scenario, expect(scenario)).split())
    assert "300 arrivals/s × 3 requests = 900/s at the peak" in text


@pytest.mark.parametrize(
    ("target", "note"),
    [
        (limit("cpu", 90, "%"), "if its process is found"),
        (limit("cpu", 90, "%", own=True), "90 %"),
        (limit("throughput", 500, "/s", higher_is_better=True), "offers 40.0/s only"),
        (limit("throughput", 30, "/s", higher_is_better=True), "30/s"),
        (limit("latency_p95", 90, judged=False, why_not_judged="it is null"), "not judged"),
    ],
)
def test_each_target_says_what_will_become_of_it(target: Target, note: str) -> None:
    scenario = replace(SCENARIO, targets=[target])
    lines = show_plan(scenario, expect(scenario)).splitlines()
    assert next(line for line in lines if line.startswith(f"  {target.metric}")).endswith(note)


def test_what_is_watched_is_judged() -> None:
    scenario = replace(SCENARIO, targets=[limit("cpu", 90, "%")], watch=Watch(process="api"))
    assert "if its process" not in show_plan(scenario, expect(scenario))


def test_one_line_a_reason_for_what_cannot_be_judged() -> None:
    scenario = replace(
        SCENARIO,
        targets=[
            limit("latency_p999", 900),
            limit("ttfb_p999", 900),
            limit("latency_p99", 1, scope=Scope("endpoint", "GET /b")),
        ],
    )
    lines = unjudgeable_lines(expect(scenario))
    assert len(lines) == 2
    assert lines[0].startswith(
        "cannot be judged: latency_p999, ttfb_p999: about 2,000 requests expected, 10,000 needed"
    )
    assert lines[1].startswith(
        "cannot be judged: GET /b latency_p99: about 500 requests expected, 1,000 needed"
    )


def test_the_first_lines_of_a_run() -> None:
    lines = preamble(SCENARIO, expect(SCENARIO), "watching uvicorn (pid 4312)", "locust 2.47.0")
    assert lines[:3] == [
        "api on http://localhost:8000, watching uvicorn (pid 4312)          locust 2.47.0",
        "scenarios/api.yaml: 20 users, 1 min, about 2,000 requests scored; 2 of 3 targets",
        "can be judged. Ctrl-C stops and still reports.",
    ]
    assert lines[3].startswith("  cannot be judged: latency_p999: ")
    assert max(map(len, lines)) <= 80


def test_a_throughput_that_the_load_does_not_offer_is_said_before_the_run() -> None:
    scenario = replace(SCENARIO, targets=[limit("throughput", 500, "/s", higher_is_better=True)])
    text = " ".join(" ".join(preamble(scenario, expect(scenario), "nothing watched", "locust")).split())
    assert "its one target cannot be judged" in text
    assert "cannot be judged: throughput: this load offers about 40.0/s at its peak" in text


def test_what_does_not_fit_on_the_first_line_goes_to_the_next() -> None:
    lines = preamble(SCENARIO, expect(SCENARIO), "watching " + "a very long name " * 5, "locust 2.47.0")
    assert lines[1].endswith("locust 2.47.0")
    assert max(map(len, lines)) <= 80


def test_a_url_is_its_own_name() -> None:
    url = replace(SCENARIO, name="http://localhost:8000/items", source="(command line)")
    assert preamble(url, expect(url), "nothing watched", "locust")[0].startswith(
        "http://localhost:8000, nothing"
    )


def test_a_scenario_without_judged_targets_says_how_to_add_one() -> None:
    scenario = replace(SCENARIO, targets=[limit("latency_p95", 1, judged=False, why_not_judged="too short")])
    text = " ".join(" ".join(preamble(scenario, expect(scenario), "nothing watched", "locust")).split())
    assert "no target is judged: add one, as in --target latency_p95=200ms" in text
    assert "not judged: latency_p95: too short" in text


def test_a_script_says_that_nothing_can_be_said() -> None:
    scenario = replace(SCENARIO, user_types=(), script=Script("locustfile", "/x.py"), load=Load("closed", []))
    text = show_plan(scenario, expect(scenario))
    assert "the script brings its own load" in text
    assert "REQUESTS" not in text


def test_the_list_says_name_load_and_goal_or_how_to_see_the_mistakes() -> None:
    assert list_lines([("api", SCENARIO), ("broken", "30 has no unit")]) == [
        "  api     20 users, 1 min  Quick",
        "  broken  invalid, see:  loadctl validate broken",
    ]
    hostile = replace(SCENARIO, goal="red\x1b[31m alert " * 20)
    (line,) = list_lines([("api", hostile)])
    assert len(line) == 80
    assert "\x1b" not in line


def test_the_document_says_the_same_to_machines() -> None:
    document = plan_document(SCENARIO, expect(SCENARIO))
    assert document["window"] == {"start_s": 10, "end_s": 60}
    assert (
        document["expected"]
        == {
            "turns": 2400,
            "requests": 2400,
            "scored": 2000,
            "requests_per_turn": 1.0,
            "peak_requests_per_s": 40.0,
            "assumption": "answers in 50 ms",
            "reason": None,
            "endpoints": [
                {"endpoint": "GET /a", "requests": 1800, "scored": 1500},
                {"endpoint": "GET /b", "requests": 600, "scored": 500},
            ],
        }
        or document["expected"]
    )


def test_a_run_that_will_prove_nothing_prints_the_commands_that_do_better() -> None:
    argv = ["-C", "my load", "run", "api", "--duration", "1m", "--json", "--password=x", "-H", "http://h"]
    targets = [limit("latency_p99", 500), limit("latency_p999", 900), limit("error_rate", 1)]
    scenario = replace(SCENARIO, targets=targets)
    lines = preamble(scenario, expect(scenario), "nothing watched", "locust", 40, argv=argv)
    assert lines[-5:] == [
        "  this run will be INCONCLUSIVE, unless it fails; instead:",
        "    enough data for every target:",
        "      loadctl -C 'my load' run api '--password=[redacted]' -H http://h --duration 4m45s",
        "    a quick look: 2 of 3 targets:",
        "      loadctl -C 'my load' run api --duration 1m '--password=[redacted]' -H http://h --smoke",
    ]
    assert not [
        line
        for line in preamble(scenario, expect(scenario), "nothing watched", "locust")
        if "--smoke" in line
    ]


def test_a_quick_look_says_beforehand_what_it_leaves_out() -> None:
    scenario = replace(SCENARIO, targets=[limit("latency_p999", 900), limit("error_rate", 1)])
    smoke = replace(scenario, smoke=smoke_of(scenario))
    text = " ".join(" ".join(preamble(smoke, expect(smoke), "watching it", "locust", argv=["run"])).split())
    assert "1 of 2 targets can be judged" in text
    assert "left out by --smoke: latency_p999 (about 2,000 requests expected, 10,000 needed)" in text
    assert "INCONCLUSIVE" not in text


def test_targets_that_are_not_judged_count_among_all_of_them() -> None:
    shared, silent = (
        limit("cpu", 90),
        limit("latency_p50", 10, judged=False, why_not_judged="defines the break"),
    )
    scenario = replace(SCENARIO, targets=[limit("error_rate", 1), shared, silent])
    seen = " ".join(preamble(scenario, expect(scenario), "watching api (pid 7)", "locust"))
    unseen = " ".join(preamble(scenario, expect(scenario), "nothing: not found", "locust"))
    assert "2 of 3 targets can be judged" in " ".join(seen.split())
    assert "1 of 3 targets can be judged" in " ".join(unseen.split())
    assert "not judged: cpu: nothing watches the system" in unseen
