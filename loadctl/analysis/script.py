"""What did a script say of the run itself? Exceptions outside its tasks, and an exit code of its own.

Both fail a run that would else pass: whoever wrote them wanted to be told. That a script is content proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.case import Case
from loadctl.results.finding import Evidence, Finding
from loadctl.scenario.units import format_count

_WORDS = "see engine/ in the run directory for its own words"


def script_findings(case: Case) -> list[Finding]:
    return [*_faults(case), *_verdict(case)]


def _faults(case: Case) -> Iterator[Finding]:
    shards = case.recording.shards
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


def _verdict(case: Case) -> Iterator[Finding]:
    judged = [shard for shard in case.recording.shards if shard.script_code]
    codes = sorted({shard.script_code for shard in judged if shard.script_code})
    if codes:
        number = f"code{'' if len(codes) == 1 else 's'} {', '.join(map(str, codes))}"
        why = "; ".join(dict.fromkeys(shard.script_why for shard in judged if shard.script_why))
        message = f"the script set exit {number}" + (f" ({why})" if why else "")
        yield Finding("script_verdict", "critical", message, {"exit_code": codes[-1]}, (_WORDS,))
