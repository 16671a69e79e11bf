"""Tips: given where a run shows the reason, with its numbers, and only there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from loadctl.analysis.advice import MOST, advised
from loadctl.analysis.run_context import RunContext
from loadctl.results.findings import FindingId
from loadctl.results.interval import Interval, Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Event, Example, Reading, Recording
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Request
from tests.records import replace
from tests.results.recorded import interval, load, recording, scenario, second, user_type

SLOW = Finding("slow-responses", "critical", "slow")
N = 60


def given(
    finding: Finding,
    seconds: Sequence[Second] | None = None,
    readings: Sequence[Reading] = (),
    others: Sequence[Finding] = (),
    *,
    asked: Scenario | None = None,
    made: Recording | None = None,
) -> str:
    """The advice on `finding` in one text."""
    asked = asked or scenario(load(f"10 {N} hold"))
    made = made or recording(
        every_second({"GET /": interval([250.0] * 20)}) if seconds is None else seconds, readings=readings
    )
    told = advised(RunContext(asked, made, measure(asked, made)), [finding, *others])
    assert len(told[0].advice) <= MOST
    return "\n".join(told[0].advice)


def every_second(cells: Mapping[str, Interval]) -> list[Second]:
    return [second(t, cells) for t in range(N)]


def use(entity: str = "uvicorn pid 7", **values: float) -> list[Reading]:
    facts = {"cpu_cores": 0.1, "cpu_pct": 5.0, "cores_available": 2.0, "memory_bytes": 1e8} | values
    return [Reading(t + 1.0, "system", "process", entity, facts) for t in range(N)]


ONE_CORE = use(cpu_cores=1.0, cpu_pct=50.0, busiest_pct_of_one_core=99.0)
ALL_CORES = use(cpu_cores=1.9, cpu_pct=95.0, busiest_pct_of_one_core=97.0)
IDLE = use(cpu_pct=6.0, busiest_pct_of_one_core=12.0)


def test_without_a_reason_a_finding_keeps_what_it_came_with() -> None:
    finding = replace(SLOW, advice=("look first at GET /",))
    posted = every_second({"POST /": interval([250.0] * 20)})
    assert given(finding, posted) == "look first at GET /"
    assert given(Finding("no-errors", "good", "none", advice=("x",)), readings=ONE_CORE) == "x"


# -- high cpu ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finding", ["cpu-high", "slow-responses", "latency-knee", "breaking-point"])
def test_one_full_core_wants_worker_processes(finding: FindingId) -> None:
    told = given(Finding(finding, "warning", "x"), readings=ONE_CORE)
    assert (
        "one process does all its work, at 99 % of one core, while CPU is at 50 % of 2 cores: add worker processes "
        "(uvicorn and gunicorn: --workers), and see whether max_throughput grows with them"
    ) in told
    assert "scale out" not in told


def test_one_full_core_of_several_processes_and_of_no_python() -> None:
    readings = use("node pid 7", cpu_pct=50.0, busiest_pct_of_one_core=99.0, processes=3.0)
    told = given(Finding("cpu-high", "warning", "x"), readings=readings)
    assert told.startswith("one of its 3 processes has more work than it can do, at 99 % of one core")
    assert "uvicorn" not in told
    assert "profile it under this load" in told


def test_full_cores_want_more_machines_and_cheaper_requests() -> None:
    told = given(Finding("cpu-high", "warning", "x"), readings=ALL_CORES)
    assert (
        "all 2 cores are at 95 % at 20.0/s (a request costs 95.0 ms of CPU), so more workers would only share them"
        in told
    )
    assert "loadctl run api --profile; for a model, try a smaller or quantized one" in told
    assert "--workers" not in told


# -- high latency ---------------------------------------------------------------------------------------------------


def test_an_idle_system_waits_for_something() -> None:
    saturated = Finding("throughput-saturated", "warning", "x", {"max_per_s": 300.0})
    told = given(SLOW, every_second({"GET /": interval([10.0] * 20)}), IDLE, [saturated])
    assert "CPU is not the bottleneck: it is at 6 % while requests wait" in told
    assert "serves about 3 at a time (300/s at 10" in told
    assert "async" in told
    assert "profile" not in told
    assert "workers" not in told


def test_what_is_as_slow_at_any_load_is_no_queue() -> None:
    stable = Finding("latency-stable", "good", "x")
    told = given(SLOW, readings=IDLE, others=[stable])
    assert "the lowest level is just as slow, so requests do not queue" in told
    assert "pool" not in told


def test_on_a_full_machine_waiting_and_computing_cannot_be_told_apart() -> None:
    full = [Reading(t + 1.0, "host", "machine", "", {"cpu_pct": 99.0}) for t in range(N)]
    told = given(SLOW, readings=[*use(cpu_cores=0.5, cpu_pct=25.0), *full])
    assert "the cores of this machine are 99 % busy, of which the system had 0.5" in told
    assert "CPU is not the bottleneck" not in told
    idle = given(SLOW, readings=[*use(cpu_cores=0.1, cpu_pct=5.0), *full])
    assert "CPU is not the bottleneck" in idle


def test_the_suspect_decides() -> None:
    def suspect(resource: str, of: str = "") -> list[Finding]:
        evidence: Evidence = {"resource": resource, "of": of}
        return [Finding("likely-limit", "info", "x", evidence)]

    assert "container db is at its limit while requests are slow" in given(
        SLOW, others=suspect("cpu", "container db")
    )
    assert "throttled_pct drops to 0" in given(SLOW, others=suspect("cpu_quota"))
    assert "move the generator" in given(SLOW, others=suspect("machine_cpu"))
    assert given(SLOW, readings=use(), others=suspect("memory")).startswith(
        "100 MB of 100 MB were in use before"
    )


def test_the_endpoint_that_takes_the_time_is_named() -> None:
    cells = {"GET /a": interval([5.0] * 20), "POST /predict": interval([250.0] * 20)}
    told = given(SLOW, every_second(cells))
    assert told.startswith(
        "98 % of all time is spent on POST /predict (1,200 requests, p95 250 ms): start there"
    )
    even = {"GET /a": interval([250.0] * 20), "GET /b": interval([250.0] * 20)}
    assert "start there" not in given(SLOW, every_second(even))


def test_the_same_question_again_and_again_can_be_kept() -> None:
    asked = scenario(load(f"10 {N} hold"), user_types=[user_type("GET /models")])
    seconds = every_second({"GET /models": interval([250.0] * 20)})
    told = given(SLOW, seconds, asked=asked)
    assert (
        "GET /models is requested 1,200 times with the same URL and takes 250 ms each time: cache its response"
        in told
    )
    assert "Redis" in told
    request = Request(method="GET", url="/models/{{ random_choice(ids) }}", endpoint="GET /models")
    kind = user_type("GET /models")
    varied = replace(kind, tasks=[replace(kind.tasks[0], flow=[request])])
    assert "cache its response" not in given(
        SLOW, seconds, asked=scenario(load(f"10 {N} hold"), user_types=[varied])
    )


def test_a_body_that_takes_the_time() -> None:
    cell = interval([250.0] * 20)
    cell.ttfb.merge(interval([20.0] * 20).ok)
    cell.bytes = 20 * 5_000_000
    told = given(SLOW, every_second({"GET /": cell}))
    assert (
        "sends its first byte after 20.0 ms and its last after 250 ms (5,000 kB), so the body takes the time"
        in told
    )


def test_a_spike_that_stays() -> None:
    stays = Finding("spike-not-recovered", "warning", "x", {"errors_spike": 0.2}, ("old",))
    told = given(stays, readings=IDLE)
    assert "20.00 % of requests failed in the spike" in told
    assert "waits for something that the spike exhausted" in told
    assert "still works for clients that have left" in given(stays, readings=ALL_CORES)
    assert given(replace(stays, evidence={"errors_spike": 0.0})) == "old"


# -- memory ---------------------------------------------------------------------------------------------------------


def test_memory_that_was_there_from_the_start_or_came_with_the_load() -> None:
    high = Finding("memory-high", "warning", "x")
    assert "it is what the system loads (models, caches), not traffic" in given(high, readings=use())
    rising = [replace(r, values={**r.values, "memory_bytes": 1e8 + 1e7 * r.t}) for r in use(processes=4.0)]
    told = given(high, readings=rising)
    assert "memory went from 110 MB to 0.70 GB with the load" in told
    assert "4 processes may each hold a copy of the same data: load models before the fork" in told
    assert "copy" not in given(high, readings=use())


def test_growth_is_told_by_request() -> None:
    growing = Finding("memory-growing", "warning", "x", {"growth_bytes_per_h": 72_000_000})
    told = given(growing, readings=use())
    assert told.startswith("each request leaves about 1 kB behind")
    assert "tracemalloc" in told
    assert "tracemalloc" not in given(growing, readings=use("node pid 7"))
    files = Finding("descriptors-growing", "warning", "x")
    assert "open files grow as well" in given(growing, readings=use(), others=[files])
    assert given(Finding("memory-high", "warning", "x"), readings=use(), others=[growing]).startswith(
        "each request leaves about 1 kB"
    )


def test_a_drift_without_growth_is_sent_to_the_data() -> None:
    drift = Finding("latency-drift", "warning", "x")
    assert "memory does not grow with latency: look at what a request reads" in given(drift)
    growing = Finding("memory-growing", "warning", "x", {"growth_bytes_per_h": 72_000_000})
    assert given(drift, others=[growing]).startswith("each request leaves about 1 kB")


# -- errors ---------------------------------------------------------------------------------------------------------


def failing(error: str, at: float = 1.0) -> Recording:
    example = Example(at, "GET /", error, None, "said")
    return recording(every_second({"GET /": interval([10.0] * 20, errors={error: 2})}), examples=[example])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("timeout", "120 × timeout: the system accepts more than it can finish"),
        ("connect_refused", "120 × connect refused: nothing was listening, or the backlog was full"),
        ("reset", "120 × reset, and no process ended"),
        ("status_401", "120 × 401: requests carry no credentials, or wrong ones: log in under start:"),
        ("status_429", "(rate_limit: {limit: 100/s, by: key})"),
        ("status_503", "no backend was available, or the system refused"),
        ("status_418", "120 × 418, first at 0:01: see one with  loadctl try api"),
        ("status_404", "120 × 404, first at 0:01, a wrong path or an id that does not exist: see one with"),
        (
            "check_failed",
            "120 × check failed, first at 0:01, the response is not what the check expects: see one with",
        ),
        (
            "status_500",
            "120 × 500, first at 0:01: read the system's log at 0:01; the fault is in the system",
        ),
        ("status_507", "120 × 507, first at 0:01: read the system's log"),
    ],
)
def test_each_class_has_its_own_cause(error: str, said: str) -> None:
    assert said in given(Finding("errors-over-critical", "critical", "x"), made=failing(error))


def test_when_it_began_and_what_ended_count() -> None:
    errors = Finding("errors-over-critical", "critical", "x")
    assert "none before 0:40: a token expires" in given(errors, made=failing("status_401", 40.0))
    crash = Finding("service-restarted", "critical", "x")
    assert "when a process ended" in given(errors, made=failing("reset"), others=[crash])
    waiting = replace(failing("timeout"), readings=IDLE)
    assert "while CPU was at 6 %: the system waits for something that is stuck" in given(errors, made=waiting)
    logged = Finding("log-errors", "warning", 'the system logged 3 errors: "pool exhausted"')
    assert 'its log says why: the system logged 3 errors: "pool exhausted"' in given(
        errors, made=failing("status_500"), others=[logged]
    )


# -- rate limits ----------------------------------------------------------------------------------------------------


def test_a_limit_that_each_process_counts_for_itself() -> None:
    evidence: Evidence = {"limit_per_s": 10.0, "accepted_per_s": 29.0}
    loose = Finding("rate-limit-not-working", "critical", "x", evidence, ("old",))
    told = given(loose, readings=use(processes=3.0))
    assert told.startswith("3 processes accepted 2.9 × the limit, so each seems to count for itself")
    assert "Redis" in told
    assert "check that it is on for this key and path" in given(loose, readings=use())
    early = replace(loose, evidence={"limit_per_s": 10.0, "accepted_per_s": 8.0})
    assert given(early, readings=use(processes=3.0)) == "old"


def test_a_limit_that_works_but_refuses_many_or_that_nobody_sees() -> None:
    works = Finding("rate-limit-working", "good", "x", {"limit_per_s": 10.0})
    many = every_second({"GET /": interval([10.0] * 10, rate_limited=20)})
    told = given(works, many)
    assert told.startswith(
        "67 % of requests were refused: if these are customers and not abuse, 10.0/s is too low"
    )
    assert given(works, every_second({"GET /": interval([10.0] * 20, rate_limited=1)})) == ""

    def page(name: str) -> list[Reading]:
        return [Reading(t + 1.0, "system", "metrics", "page", {name: 1.0}) for t in range(N)]

    few = every_second({"GET /": interval([10.0] * 20, rate_limited=1)})
    assert "counts refusals: add a counter of 429s" in given(works, few, page("http_requests_per_s"))
    assert given(works, few, page("ratelimit_hits_per_s")) == ""


def test_a_finding_of_an_event_keeps_its_own() -> None:
    made = recording(
        every_second({"GET /": interval([10.0] * 20)}), events=[Event(1.0, "service_crashed", "x")]
    )
    assert (
        given(Finding("service-crashed", "critical", "x", advice=("read the log",)), made=made)
        == "read the log"
    )
