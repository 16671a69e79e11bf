"""What Locust's own files say of a run: one that holds the figures, and others that complete it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadctl.engines.locust.report_files import (
    GENERATOR,
    Failure,
    Kind,
    Row,
    Told,
    endpoint_of,
    kind_of,
    read_csv,
    read_html,
    read_json,
)
from loadctl.errors import UsageError
from loadctl.results.imported.report import Imported
from loadctl.results.recording import Example
from loadctl.results.verdict import Finding
from loadctl.scenario.units import format_count, format_duration

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

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
"""A run's end is silent where nothing came for ten times as long as usual: by chance in one of 20,000."""
_APART_S = 5.0
"""Files of one run begin together, and CSV is written to its end once a second."""
_FAULTS_SHARE = 0.01
_ADVICE = ("loadctl run locustfile.py -u 50 -t 5m   records every request itself",)


def read_report(files: Sequence[Text]) -> Imported:
    """`files`: each of a kind that is known. Raises: UsageError."""
    told: dict[Kind, Told] = {}
    for file in files:
        kind = kind_of(file.text) or "stats"
        if kind in told:
            raise UsageError(
                f"{told[kind].file} and {file.name} are both {_NAMES[kind]}", hint="score one run at a time"
            )
        told[kind] = {"json": read_json, "html": read_html}.get(kind, read_csv)(file)
    main = next((kind for kind in _WITH_FIGURES if kind in told), None)
    if main is None:
        only = files[0]
        raise UsageError(
            f"{only.name} is {_NAMES[kind_of(only.text) or 'stats']}, which has no latencies of the whole run",
            hint="name the _stats.csv beside it too",
        )
    _of_one_run(told[main], [one for kind, one in told.items() if kind != main])
    ordered = [told[main], *(one for kind, one in told.items() if kind != main)]
    return _imported(main, ordered)


def _of_one_run(main: Told, others: Sequence[Told]) -> None:
    """CSV files lack what ended after their last write, so they may have less than the others, never more."""
    counts = {row.endpoint: row.requests for row in main.rows}
    for other in others:
        names = {endpoint_of(one.method, one.name): one.count for one in other.failures or ()}
        names |= {row.endpoint: row.requests for row in other.rows}
        fits = (
            all(count <= counts.get(name, -1) for name, count in names.items())
            and other.requests <= sum(counts.values())
            and _near(main.started, other.started)
            and _near(main.duration_s, other.duration_s)
        )
        if not fits:
            raise UsageError(
                f"{main.file} and {other.file} are of different runs", hint="score one run at a time"
            )


def _near(one: float | None, other: float | None) -> bool:
    return one is None or other is None or abs(one - other) <= _APART_S


def _imported(main: Kind, told: Sequence[Told]) -> Imported:
    """`told`: the file with the figures first; of what several say, the first to say it is believed."""
    first = told[0]
    total = first.total
    failures = next((one.failures for one in told if one.failures is not None), ())
    started = next((one.started for one in told if one.started is not None), None)
    endpoints = [
        row.told(f for f in failures if endpoint_of(f.method, f.name) == row.endpoint) for row in first.rows
    ]
    return Imported(
        engine="locust",
        files=[one.file for one in told],
        kind=_NAMES[main],
        total=total.told(failures),
        endpoints=endpoints,
        model="closed",
        host=next((one.host for one in told if one.host), ""),
        started_at=None
        if started is None
        else datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=first.duration_s,
        peak_users=next((one.peak_users for one in told if one.peak_users is not None), None),
        examples=tuple(_examples(failures, started)),
        findings=tuple(_findings(main, told, total)),
        advice=_ADVICE,
    )


def _examples(failures: Sequence[Failure], started: float | None) -> Iterator[Example]:
    for failure in failures:
        if started is not None and failure.first_seen is not None:
            t = max(0.0, failure.first_seen - started)
            endpoint = endpoint_of(failure.method, failure.name)
            yield Example(t, endpoint, failure.error_class, None, failure.error)


def _findings(main: Kind, told: Sequence[Told], total: Row) -> Iterator[Finding]:
    message = "Locust rounds latencies (below 100 ms to 1 ms, above to two digits)"
    if total.failed:
        message += " and has the failed requests among them"
    yield Finding("file-rounded", "info", f"{message}: a limit within that cannot be told")
    lost = "what was still under way at the end"
    if main == "stats":
        lost += ", and what ended after the last write of the CSV, about a second"
    yield Finding("file-whole-run", "info", f"its figures begin with the ramp-up, and lack {lost}")
    message = (
        "users of Locust's FastHttpUser send a GET again that got no answer, and do not count the failure"
    )
    yield Finding("file-repeats", "warning", message)
    yield from _silent(told, total)
    yield from _raised(told, total)


def _silent(told: Sequence[Told], total: Row) -> Iterator[Finding]:
    silent_s = max(one.silent_s for one in told)
    usual_s = (told[0].duration_s or 0.0) / total.requests if total.requests else 0.0
    if silent_s > max(_SILENT_S, _USUAL_PAUSES * usual_s):
        message = (
            f"no request ended in the last {format_duration(silent_s)}, while users were there: "
            "what they waited for is not in the file"
        )
        yield Finding("file-silent-end", "invalid", message, {"silent_s": silent_s}, (), "pass")


def _raised(told: Sequence[Told], total: Row) -> Iterator[Finding]:
    """Exceptions of the script, and requests that failed for want of sockets: faults of the generator."""
    raised = next((one.exceptions for one in told if one.exceptions), {})
    count = sum(raised.values())
    failures = next((one.failures for one in told if one.failures is not None), ())
    count += sum(failure.count for failure in failures if failure.error_class == GENERATOR)
    if not count:
        return
    first = next(iter(raised), "no sockets left")
    message = f"{format_count(count)} faults of the load generator itself, first: {first}"
    evidence = {"faults": count, "requests": total.requests}
    if count > _FAULTS_SHARE * total.requests:
        yield Finding("generator-faults", "invalid", message, evidence, (), "all")
    else:
        yield Finding("generator-faults", "warning", message, evidence)
