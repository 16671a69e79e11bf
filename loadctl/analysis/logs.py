"""What did the system's own logs complain about while it was loaded?"""

from __future__ import annotations

from loadctl.analysis.case import Case
from loadctl.results.finding import Evidence, Finding
from loadctl.scenario.units import format_count

_SHOWN = 160


def log_findings(case: Case) -> list[Finding]:
    """`log-errors`: a warning, whether or not a target limits them; the target decides what they are worth."""
    logs = case.measured.logs
    if logs is None or not logs.errors:
        return []
    plural = "" if logs.errors == 1 else "s"
    message = (
        f"the system logged {format_count(logs.errors)} error{plural} in {format_count(logs.lines)} lines"
    )
    evidence: Evidence = {"errors": logs.errors, "lines": logs.lines}
    start, end = case.window
    first = next((e for e in case.recording.events if e.kind == "log_error" and start < e.t <= end), None)
    if first is not None:
        message += f', first at {case.recording.at(first.t)}: "{first.message[:_SHOWN]}"'
        evidence["first_at_s"] = first.t
    often = max(logs.frequent, key=lambda one: one.count, default=None)
    if often is not None and often.count > 1 and logs.errors > often.count:
        message += f'; most often, {format_count(often.count)} times: "{often.message[:_SHOWN]}"'
    at = f" at {case.recording.at(first.t)}" if first is not None else ""
    return [Finding("log-errors", "warning", message, evidence, (f"read {logs.followed}{at}",))]
