"""The sampler: deadlines, order, and sources that break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from loadctl.monitors.background import Lost
from loadctl.monitors.sampler import Sampler
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading


@dataclass
class Scripted:
    """A source that does what `then` says at each sample."""

    then: Callable[[int], Iterable[Observation]]
    period_s: float = 0.05
    name: str = "metrics :9090"
    subject: str = "system"
    times: list[float] = field(default_factory=list)

    def sample(self, t: float) -> Iterable[Observation]:
        self.times.append(t)
        return self.then(len(self.times))

    def close(self, t: float) -> Iterable[Observation]:
        return [Event(t, "stop", "closed")]


def seen_at(t: float) -> Reading:
    return Reading(t, "system", "metrics", ":9090", {"x": 1.0})


def run(*sources: Scripted, until: Callable[[], bool], t0_in_s: float = 0.02) -> list[Observation]:
    """What sources gave until something held; the sampler's own readings are left out."""
    sampler = Sampler(sources)
    sampler.start(time.monotonic() + t0_in_s)
    deadline = time.monotonic() + 5
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    sampler.stop()
    return [seen for seen in sampler.drain() if not (isinstance(seen, Reading) and seen.source == "sampler")]


def test_samples_stand_on_whole_periods_after_t0_and_do_not_drift() -> None:
    def slow(_n: int) -> list[Observation]:
        time.sleep(0.02)
        return []

    source = Scripted(slow)
    run(source, until=lambda: len(source.times) > 8)
    prime, *samples = source.times
    assert prime < 0
    assert all(t / 0.05 - round(t / 0.05) < 0.5 and t >= 0.05 for t in samples)
    assert round(samples[6] / 0.05) - round(samples[0] / 0.05) <= 8


def test_what_is_read_before_t0_only_begins_the_rates() -> None:
    source = Scripted(lambda n: [seen_at(n)])
    kept = run(source, until=lambda: len(source.times) > 2)
    assert min(seen.t for seen in kept if isinstance(seen, Reading)) == 2


def test_a_deadline_that_passed_is_skipped_not_made_up_for() -> None:
    def stalls_once(n: int) -> list[Observation]:
        time.sleep(0.3 if n == 2 else 0.0)
        return []

    source = Scripted(stalls_once)
    run(source, until=lambda: len(source.times) > 4)
    assert source.times[2] - source.times[1] >= 0.29
    assert source.times[3] - source.times[2] > 0.01


def test_a_source_that_breaks_is_a_gap_with_its_reason_and_two_events() -> None:
    def breaks(n: int) -> list[Observation]:
        if n in {3, 4}:
            raise ConnectionError("metrics page answered 500")
        return [seen_at(n)]

    source = Scripted(breaks)
    kept = run(source, until=lambda: len(source.times) > 5)
    kinds = [seen.kind if isinstance(seen, Event) else seen.gap or "reading" for seen in kept]
    gap = "ConnectionError: metrics page answered 500"
    assert kinds[:7] == ["reading", "monitor_lost", gap, gap, "monitor_back", "reading", "reading"]
    lost = next(seen for seen in kept if isinstance(seen, Event))
    assert lost.message == f"metrics :9090: {gap}"
    gaps = [seen for seen in kept if isinstance(seen, Reading) and seen.gap]
    assert {(seen.subject, seen.source, seen.entity) for seen in gaps} == {("system", "metrics", ":9090")}
    assert not any(seen.values for seen in gaps)


def test_a_source_that_is_lost_to_the_end_is_not_back_when_it_is_closed() -> None:
    def breaks(n: int) -> list[Observation]:
        if n >= 3:
            raise ConnectionError("refused")
        return [seen_at(n)]

    source = Scripted(breaks)
    kept = run(source, until=lambda: len(source.times) > 4)
    kinds = [seen.kind for seen in kept if isinstance(seen, Event)]
    assert kinds[0] == "monitor_lost"
    assert "monitor_back" not in kinds


def test_a_broken_source_does_not_stop_the_others() -> None:
    def breaks(_n: int) -> list[Observation]:
        raise RuntimeError

    broken, good = Scripted(breaks), Scripted(lambda n: [seen_at(n)])
    kept = run(broken, good, until=lambda: len(good.times) > 3)
    assert len([seen for seen in kept if isinstance(seen, Reading) and seen.values]) >= 3


def test_each_source_has_its_own_period() -> None:
    quick, slow = Scripted(lambda _n: []), Scripted(lambda _n: [], period_s=0.2)
    run(quick, slow, until=lambda: len(slow.times) > 2)
    assert len(quick.times) > 2 * len(slow.times)


def test_the_last_words_come_with_the_end_and_no_thread_is_left() -> None:
    source = Scripted(lambda _n: [])
    kept = run(source, until=lambda: len(source.times) > 1)
    assert isinstance(kept[-1], Event)
    assert kept[-1].message == "closed"
    assert not any(thread.name == "loadctl-sampler" for thread in threading.enumerate())


def test_how_late_and_how_slow_the_sampler_was_is_told() -> None:
    def slow(_n: int) -> list[Observation]:
        time.sleep(0.06)
        return []

    sampler = Sampler([Scripted(slow, period_s=0.1)])
    sampler.start(time.monotonic())
    time.sleep(0.25)
    sampler.stop()
    sampler.stop()
    (own,) = [seen for seen in sampler.drain() if isinstance(seen, Reading)]
    assert own.subject == "generator"
    assert own.values["took_ms"] >= 60
    assert own.values["late_ms"] >= 0


def test_what_was_drained_does_not_come_again() -> None:
    source = Scripted(lambda n: [seen_at(n)])
    sampler = Sampler([source])
    sampler.start(time.monotonic())
    time.sleep(0.2)
    first = sampler.drain()
    sampler.stop()
    assert not {id(seen) for seen in first} & {id(seen) for seen in sampler.drain()}
    assert first


class Telltale:
    name = "logs abcdef"
    subject = "system"
    period_s = 60.0

    def sample(self, t: float) -> list[Observation]:
        return [
            Reading(
                t, "system", "logs", "/x/abcdef", {'n{k="abcdef"}': 1.0, "cpu_pct": 2.0}, {"a": "abcdef"}
            ),
            Event(t, "log_error", "abcdef", {"log": "abcdef", "n": 3, "none": None}),
        ]

    def close(self, t: float) -> list[Observation]:
        raise Lost(f"abcdef is gone at {t}")


def test_no_secret_is_in_anything_that_a_source_says() -> None:
    sampler = Sampler([Telltale()], secrets=["abcdef", "cpu", "cpu_"])
    sampler.start(time.monotonic())
    sampler.stop()
    seen = sampler.drain()
    assert "abcdef" not in repr(seen)
    assert [one.detail["n"] for one in seen if isinstance(one, Event) and one.kind == "log_error"] == [3]
    assert any("cpu_pct" in one.values for one in seen if isinstance(one, Reading))


def test_what_befalls_the_system_says_who_saw_it() -> None:
    down = Event(1.0, "service_down", "it is gone", {"pid": 7})
    other = Event(1.0, "log_error", "oh", {})
    source = Scripted(lambda n: [down, other] if n == 2 else [])
    seen = run(source, until=lambda: len(source.times) > 2)
    assert {"source": "metrics", "pid": 7} in [one.detail for one in seen if isinstance(one, Event)]
    assert other in seen


def test_what_sources_share_is_closed_when_all_of_them_are() -> None:
    order: list[str] = []

    class Noting(Scripted):
        def close(self, t: float) -> Iterable[Observation]:
            order.append("source")
            return []

    sampler = Sampler([Noting(lambda _: []), Noting(lambda _: [])], close=lambda: order.append("engine"))
    sampler.start(time.monotonic())
    sampler.stop()
    assert order == ["source", "source", "engine"]
