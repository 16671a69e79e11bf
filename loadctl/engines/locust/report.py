"""Reads the files that Locust wrote about a run: one that holds the figures, and others that complete it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from loadctl.engines.locust.report_files import READS, Failure, Kind, ReportFile, kind_of, read_file
from loadctl.errors import UsageError
from loadctl.results import imported
from loadctl.results.imported import Figure, Imported, ImportedEndpoint
from loadctl.results.recording import Example
from loadctl.results.verdict import Finding
from loadctl.scenario.units import format_duration

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

__all__ = ["READS", "read_report", "recognises"]
_NAMES: Mapping[Kind, str] = {
    "json": "Locust's JSON",
    "html": "Locust's HTML report",
    "stats": "Locust's CSV",
    "history": "Locust's CSV history",
    "failures": "Locust's CSV of failures",
    "exceptions": "Locust's CSV of exceptions",
}
_WITH_FIGURES: Sequence[Kind] = ("json", "html", "stats")
"""The most exact first: the JSON has histograms."""
_SILENT_S = 5.0
_USUAL_PAUSES = 10
"""The end of a run is silent if no request ended for ten times the usual pause; chance does this once in 20,000
runs.
"""
_APART_S = 5.0
"""Files of one run begin together, and CSV is written to its end once a second."""
_ADVICE = ("loadctl run locustfile.py -u 50 -t 5m   records every request itself",)


def recognises(text: str) -> bool:
    return kind_of(text) is not None


def read_report(files: Sequence[Text]) -> Imported:
    """`files`: each of a known kind. Raises: UsageError."""
    found: dict[Kind, ReportFile] = {}
    for file in files:
        kind = kind_of(file.text) or "stats"
        if kind in found:
            raise UsageError(
                f"{found[kind].name} and {file.name} are both {_NAMES[kind]}", hint="score one run at a time"
            )
        found[kind] = read_file(kind, file)
    main = next((kind for kind in _WITH_FIGURES if kind in found), None)
    total = found[main].total if main is not None else None
    if main is None or total is None:
        kind = kind_of(files[0].text) or "stats"
        raise UsageError(
            f"{files[0].name} is {_NAMES[kind]}, which has no latencies of the whole run",
            hint="name the _stats.csv beside it too",
        )
    others = [one for kind, one in found.items() if kind != main]
    _of_one_run(found[main], others)
    return _imported(main, total, [found[main], *others])


def _of_one_run(main: ReportFile, others: Sequence[ReportFile]) -> None:
    """CSV files lack requests that ended after their last write, so they may count fewer than the other files, never
    more.
    """
    counts = {endpoint.endpoint: endpoint.requests for endpoint in main.endpoints}
    for other in others:
        names = {failure.endpoint: failure.count for failure in other.failures or ()}
        names |= {endpoint.endpoint: endpoint.requests for endpoint in other.endpoints}
        fits = (
            all(count <= counts.get(name, -1) for name, count in names.items())
            and other.requests <= sum(counts.values())
            and _near(main.started, other.started)
            and _near(main.duration_s, other.duration_s)
        )
        if not fits:
            message = f"{main.name} and {other.name} are of different runs"
            raise UsageError(message, hint="score one run at a time")


def _near(one: float | None, other: float | None) -> bool:
    return one is None or other is None or abs(one - other) <= _APART_S


def _imported(main: Kind, total: ImportedEndpoint, files: Sequence[ReportFile]) -> Imported:
    """`files`: the one with the figures first; where several hold the same fact, the first one wins."""
    first = files[0]
    failures = next((one.failures for one in files if one.failures is not None), ())
    started = next((one.started for one in files if one.started is not None), None)
    return Imported(
        engine="locust",
        files=[one.name for one in files],
        kind=_NAMES[main],
        total=_with_errors(total, failures),
        endpoints=[
            _with_errors(one, [failure for failure in failures if failure.endpoint == one.endpoint])
            for one in first.endpoints
        ],
        model="closed",
        host=next((one.host for one in files if one.host), ""),
        started_at=imported.utc(started),
        duration_s=first.duration_s,
        peak_users=next((one.peak_users for one in files if one.peak_users is not None), None),
        examples=tuple(_examples(failures, started)),
        findings=tuple(_findings(main, files, total, failures)),
        advice=_ADVICE,
    )


def _with_errors(endpoint: ImportedEndpoint, failures: Sequence[Failure]) -> ImportedEndpoint:
    errors: Counter[str] = Counter()
    for failure in failures:
        errors[failure.error_class] += failure.count
    failed = endpoint.failed.value
    ours = min(errors[imported.GENERATOR], failed)
    return replace(endpoint, errors=dict(errors), failed=Figure(failed, failed - ours, failed))


def _examples(failures: Sequence[Failure], started: float | None) -> Iterator[Example]:
    for failure in failures:
        if started is not None and failure.first_seen is not None:
            t = max(0.0, failure.first_seen - started)
            yield Example(t, failure.endpoint, failure.error_class, None, failure.error)


def _findings(
    main: Kind, files: Sequence[ReportFile], total: ImportedEndpoint, failures: Sequence[Failure]
) -> Iterator[Finding]:
    message = "Locust rounds latencies (below 100 ms to 1 ms, above to two digits)"
    if total.failed.value:
        message += " and includes failed requests in them"
    yield Finding("file-rounded", "info", f"{message}: a limit within that margin cannot be judged")
    lost = "requests still in flight at the end"
    if main == "stats":
        lost += ", and those of about the last second, after the last write of the CSV"
    yield Finding("file-whole-run", "info", f"its figures include the ramp-up, and lack {lost}")
    message = "FastHttpUser sends a GET that got no answer again, and does not count the failure"
    yield Finding("file-repeats", "warning", message)
    silent_s = max(one.silent_s for one in files)
    usual_s = (files[0].duration_s or 0.0) / total.requests if total.requests else 0.0
    if silent_s > max(_SILENT_S, _USUAL_PAUSES * usual_s):
        message = (
            f"no request ended in the last {format_duration(silent_s)}, although users were active: "
            "the requests they were waiting for are not in the file"
        )
        yield Finding("file-silent-end", "invalid", message, {"silent_s": silent_s}, (), "pass")
    raised = next((one.exceptions for one in files if one.exceptions), {})
    no_sockets = sum(failure.count for failure in failures if failure.error_class == imported.GENERATOR)
    first = next(iter(raised), "no sockets left")
    yield from imported.generator_faults(sum(raised.values()) + no_sockets, total.requests, first)
