"""Was the load generator the bottleneck?

A saturated generator queues inside itself, and what it measures then is its own queue. Loop lag sees that before CPU
does: "lag p95 above 10 % of p95, or CPU at 90 %" missed 12 % of distorted runs and accused 5 % of good ones, CPU alone
missed 35 % (81 simulated runs that the rule had not seen). Lag can only add to a latency, so alone it voids no PASS.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import GENERATOR_FAULT, SCRIPT_ENDPOINT
from loadctl.results.measures.usage import by_shard
from loadctl.results.readings import Readings
from loadctl.results.recording import Example
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.units import format_count, format_duration, format_ms, format_percent

BUSY_PCT = 90.0
BUSY_SHARE = 0.10
MIN_LAG_MS = 5.0
LAG_SHARE = 0.10
NOTED_LAG_MS = 2.0
NOTED_LAG_SHARE = 0.05
FULL_SHARE = 0.95
FAULTS_SHARE = 0.01
IDLE_PCT = 20.0
"""Of all cores: with less of them idle, more engine processes only take time from each other."""
FULL_MACHINE_PCT = 90.0
_DESCRIPTORS = ("EMFILE", "ENFILE", "Too many open files")
_PORTS = ("EADDRNOTAVAIL", "Cannot assign requested address")


def generator_findings(run: RunContext) -> list[Finding]:
    saturated = list(_saturated(run))
    return [*saturated, *([] if saturated else _late(run)), *_faults(run), *_same_host(run)]


def _saturated(run: RunContext) -> Iterator[Finding]:
    signs = [*_busy_shards(run), *_exhausted(run), *_stood_still(run)]
    if not signs:
        return
    message = "the load generator could not keep up: " + "; ".join(sign for sign, _ in signs)
    evidence: Evidence = {}
    for _, found in signs:
        evidence |= found
    evidence["lag_p95_ms"] = run.measured.generator.extra.get("lag_p95_ms")
    yield Finding("generator-saturated", "invalid", message, evidence, _advice(run, evidence), "all")


def _advice(run: RunContext, evidence: Evidence) -> tuple[str, ...]:
    """Advice for whatever ran out."""
    if "cpu_pct_of_one_core_max" in evidence:
        return (_more_room(run),)
    if any("fds" in name or "descriptors" in name for name in evidence):
        return ("raise the limit of open files before the run: ulimit -n 65536",)
    if "stood_still_s" in evidence:
        return (
            "look for what held it up: a suspended process or machine, or a script that blocks its event loop",
        )
    return ("widen net.ipv4.ip_local_port_range, or keep connections open between requests",)


def _more_room(run: RunContext) -> str:
    """More engine processes, if there are cores for them."""
    idle = run.readings("generator").values("cpu_idle_pct")
    if idle and fmean(idle) < IDLE_PCT:
        return "this machine has no core to spare: reduce the load, or run loadctl on another machine"
    more = max(2, 2 * len(run.recording.shards))
    return f"run again with --workers {more}, or with less load per engine process"


def _busy_shards(run: RunContext) -> Iterator[tuple[str, dict[str, float]]]:
    for entity, readings in by_shard(run.readings("generator")).items():
        values = _wanted(readings)
        if not values:
            continue
        share = sum(value >= BUSY_PCT for value in values) / len(values)
        if share >= BUSY_SHARE:
            sign = f"{entity} needed at least {BUSY_PCT:.0f} % of a core {format_percent(share * 100, 0)} of the time"
            yield sign, {"busy_share": round(share, 3), "cpu_pct_of_one_core_max": max(values)}


def _stood_still(run: RunContext) -> Iterator[tuple[str, dict[str, float]]]:
    """Seconds in which its timers did not run count as saturation."""
    lost, length = run.stood_still, len(run.seconds)
    lost_s = sum(lost.values())
    if lost_s >= max(1.0, BUSY_SHARE * length):
        of = f"{format_duration(round(lost_s))} of {format_duration(length)}"
        sign = f"its timers did not run for {of}, first at {run.at(min(lost))}"
        yield sign, {"stood_still_s": round(lost_s, 1), "first_at_s": min(lost)}


def _wanted(readings: Readings) -> list[float]:
    """% of one core that a process used or waited for: kept from its core by neighbours, it is as late as at 100 %."""
    pairs = readings.pairs("cpu_pct_of_one_core", "cpu_wait_pct_of_one_core")
    return [cpu + (wait or 0.0) for cpu, wait in pairs]


def _exhausted(run: RunContext) -> Iterator[tuple[str, dict[str, float]]]:
    # Only the first few examples are kept, perhaps from the warm-up: what counts is whether the window has such faults.
    faulty = any(second.faults for second in run.seconds)
    for noun, used, limit, words in (
        ("descriptors", "open_fds", "open_fds_limit", _DESCRIPTORS),
        ("ports", "ephemeral_ports_used", "ephemeral_ports", _PORTS),
    ):
        pairs = run.readings("generator").pairs(used, limit)
        full = [(use, most) for use, most in pairs if most and use >= FULL_SHARE * most]
        refused = [
            example
            for example in _fault_examples(run)
            if faulty and any(word in example.message for word in words)
        ]
        if full:
            use, most = max(full)
            counts = f"{format_count(use)} of {format_count(most)}"
            yield f"it ran out of {noun} ({counts})", {used: use, limit: most}
        elif refused:
            yield f"it ran out of {noun} ({refused[0].message})", {f"{noun}_refused_at_s": refused[0].t}


def _late(run: RunContext) -> Iterator[Finding]:
    """Lag can only add to a latency, so it never voids a PASS; a small one matters only to a limit as close."""
    lags, total = run.measured.generator.extra, run.folded.summary.total.latency
    latencies = {"p95": total.p95, "p99": total.p99}
    noted = [
        name
        for name, latency in latencies.items()
        if lags.get(f"lag_{name}_ms", 0.0) > max(NOTED_LAG_MS, NOTED_LAG_SHARE * (latency or 0.0))
    ]
    if not noted:
        return
    lag = lags["lag_p95_ms"]
    limit = max(
        MIN_LAG_MS, LAG_SHARE * (total.p95 or total.min or 0.0)
    )  # of few, p95 is at least their lowest
    evidence: Evidence = {"percentile": noted[0], "limit_ms": limit}
    evidence |= {name: value for name, value in lags.items() if name.startswith("lag_")}
    evidence |= {f"latency_{name}_ms": latency for name, latency in latencies.items()}
    late = format_ms(lags[f"lag_{noted[0]}_ms"])
    message = f"the load generator ran {late} late at {noted[0]}, so latencies may be too high by as much"
    if lag > limit:
        yield Finding("generator-saturated", "warning", message, evidence, (_more_room(run),), "excess")
    else:
        yield Finding("generator-lag", "info", message, evidence, voids="near")


def _faults(run: RunContext) -> Iterator[Finding]:
    seconds = [second for second in run.recording.seconds if second.t >= run.window[0]]  # the drain's too
    faults = sum(second.faults for second in seconds)
    turns = max(faults, sum(second.turns for second in seconds))
    if not faults:
        return
    share = faults / turns
    examples = _fault_examples(run)
    of_script = run.scenario.script is not None and bool(examples) and all(map(_is_of_script, examples))
    whose = "an exception in your script" if of_script else "a fault of the load generator itself"
    message = f"{format_count(faults)} of {format_count(turns)} turns were ended by {whose}"
    if examples:
        message += f" ({examples[0].message})"
    evidence: Evidence = {"faults": faults, "turns": turns, "share": round(share, 4)}
    evidence |= {"of": "script" if of_script else "generator"}
    advice = (f"send every request once: {run.look_closer}",)
    if share > FAULTS_SHARE:
        yield Finding("generator-faults", "invalid", message, evidence, advice, "all")
    else:
        yield Finding("generator-faults", "warning", message, evidence, advice)


def _fault_examples(run: RunContext) -> list[Example]:
    return [example for example in run.recording.examples if example.error_class == GENERATOR_FAULT]


def _is_of_script(example: Example) -> bool:
    """Whether the script raised it; running out of descriptors or ports is not its fault."""
    exhausted = any(word in example.message for word in (*_DESCRIPTORS, *_PORTS))
    return example.endpoint == SCRIPT_ENDPOINT and not exhausted


def _same_host(run: RunContext) -> Iterator[Finding]:
    """A note, and a warning where the two competed for the cores."""
    if not run.same_host:
        return
    message = "the load generator and the system share the CPU cores of this machine"
    mean = run.machine_cpu_pct
    if mean < FULL_MACHINE_PCT:
        yield Finding("generator-same-host", "info", message, {"host": run.scenario.shown_host})
        return
    message += (
        f", which were {format_percent(mean, 0)} busy: latencies include CPU contention between the two"
    )
    evidence: Evidence = {"host": run.scenario.shown_host, "machine_cpu_pct": round(mean, 1)}
    advice = ("run loadctl on another machine, or with less load, before trusting small latencies",)
    yield Finding("generator-same-host", "warning", message, evidence, advice)


_WORDS = "read its output in engine/ in the run directory"


def script_findings(run: RunContext) -> list[Finding]:
    return [*_faults_script(run), *_verdict(run), *_unfinished(run)]


def _faults_script(run: RunContext) -> Iterator[Finding]:
    shards = run.recording.shards
    faults = sorted((fault for shard in shards for fault in shard.script_faults), key=lambda one: one.t)
    if not faults:
        return
    first, kinds = faults[0], len({(fault.message, fault.where) for fault in faults})
    count = sum(shard.script_faults_count for shard in shards)
    place = f" ({first.where})" if first.where else ""
    often = "once" if count == 1 else f"{format_count(count)} times"
    others = f", the first of {kinds} different ones" if kinds > 1 else ""
    message = f"your script raised an exception outside its tasks {often}: {first.message}{place}{others}"
    evidence: Evidence = {
        "count": count,
        "different": kinds,
        "where": first.where or None,
        "first_at_s": first.t,
    }
    yield Finding("script_fault", "critical", message, evidence, (_WORDS,))


def _verdict(run: RunContext) -> Iterator[Finding]:
    judged = [shard for shard in run.recording.shards if shard.script_code]
    codes = sorted({shard.script_code for shard in judged if shard.script_code})
    if codes:
        number = f"code{'' if len(codes) == 1 else 's'} {', '.join(map(str, codes))}"
        why = "; ".join(dict.fromkeys(shard.script_why for shard in judged if shard.script_why))
        message = f"the script set exit {number}" + (f" ({why})" if why else "")
        yield Finding("script_verdict", "critical", message, {"exit_code": codes[-1]}, (_WORDS,))


def _unfinished(run: RunContext) -> Iterator[Finding]:
    """A script may judge the run in its last hook; if it had to be ended there, its own verdict is unknown."""
    overtime = [e.t for e in run.recording.events if e.kind == "stop" and e.detail.get("overtime")]
    if overtime and run.scenario.script is not None:
        ended = f"your script was still running at {run.at(overtime[0])} and was ended"
        message = f"{ended}, so its own verdict is not known"
        advice = ("see what its last hooks (test_stop, quitting, after) wait for",)
        yield Finding("script-unfinished", "invalid", message, {"ended_at_s": overtime[0]}, advice, "pass")
