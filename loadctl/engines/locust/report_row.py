"""One line of Locust's statistics, and one of its failures, whichever of its files they came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadctl.results.imported.report import Figure, ImportedEndpoint, Percentiles, Population

GENERATOR = "generator"
TOTAL = "total"
_CLASSES: Sequence[tuple[str, str]] = (
    (r"Too many open files|Cannot assign requested address", GENERATOR),
    (r"LocustBadStatusCode\(code=(\d{3})\)|HTTPError\(['\"](\d{3}) ", "status"),
    (r"CatchResponseError|ResponseError|AssertionError", "check_failed"),
    (r"gaierror|NameResolutionError|Name or service not known|nodename nor servname", "dns"),
    (r"Connection ?refused", "connect_refused"),
    (r"ConnectTimeout", "connect_timeout"),
    (r"SSLError|CertificateError|SSLCert", "tls"),
    (r"TooManyRedirects|RetriesExceeded", "redirect_limit"),
    (r"RemoteDisconnected|Connection ?(?:Reset|Aborted)|HTTPConnectionClosed|BrokenPipe|IncompleteRead", "reset"),
    (r"timed? ?out", "timeout"),
    (r"HTTPParseError|BadStatusLine|InvalidChunkLength|ProtocolError|DecodeError|DecodingError", "protocol"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """`first_seen`: seconds since 1970; older versions of Locust do not write it."""

    method: str
    name: str
    error: str
    count: int
    first_seen: float | None = None

    @property
    def error_class(self) -> str:
        return class_of(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Times in ms, failed requests among them."""

    endpoint: str
    requests: int
    failed: int
    population: Population
    bytes: int = 0

    def told(self, failures: Iterable[Failure]) -> ImportedEndpoint:
        """`failures`: those of this row."""
        errors: dict[str, int] = {}
        for failure in failures:
            errors[failure.error_class] = errors.get(failure.error_class, 0) + failure.count
        ours = min(errors.get(GENERATOR, 0), self.failed)
        return ImportedEndpoint(
            endpoint=self.endpoint,
            requests=self.requests,
            failed=Figure(self.failed, self.failed - ours, self.failed),
            successes=self.requests - self.failed,
            latency=self.population.of_successes(),
            errors=errors,
            bytes=self.bytes,
        )


NOTHING = Row(endpoint=TOTAL, requests=0, failed=0, population=Population(percentiles=Percentiles(0, ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one file says."""

    file: str
    rows: Sequence[Row] = ()
    total: Row = NOTHING
    host: str = ""
    started: float | None = None
    """Seconds since 1970."""
    duration_s: float | None = None
    peak_users: int | None = None
    silent_s: float = 0.0
    """How long users were there at the end without any request coming to its end."""
    failures: Sequence[Failure] | None = None
    exceptions: Mapping[str, int] = field(default_factory=dict)
    """Raised by the script: message → how often."""
    requests: int = 0
    """Of a file that has the total alone."""


def endpoint_of(method: str | None, name: str) -> str:
    """As the recorder names the requests of a script."""
    return name if not method or name.startswith(f"{method} ") else f"{method} {name}"


def class_of(error: str) -> str:
    """A class of DESIGN §5, from the text of an exception."""
    for pattern, found in _CLASSES:
        match = re.search(pattern, error, re.IGNORECASE)
        if match:
            code = next((group for group in match.groups() if group), "")
            return f"status_{code}" if code else found
    return "other"


Kind = Literal["json", "html", "stats", "history", "failures", "exceptions"]
READS = (
    "Locust's HTML report (--html), JSON (--json-file) and CSV (--csv: _stats.csv, "
    "perhaps with _stats_history, _failures and _exceptions)"
)
FIGURES = re.compile(r"window\.templateArgs\s*=\s*(?=\{)")
"""Where the figures of an HTML report begin."""
_JSON = re.compile(r'\s*\[\s*(?:\]|\{[^{}]{0,2000}"num_requests")')
_CSV: Mapping[str, Kind] = {
    "Type,Name,Request Count,": "stats",
    "Timestamp,User Count,Type,Name,": "history",
    "Method,Name,Error,Occurrences": "failures",
    "Count,Message,Traceback,Nodes": "exceptions",
}


def kind_of(text: str) -> Kind | None:
    if text.lstrip()[:1] == "<":
        return "html" if FIGURES.search(text) else None
    if _JSON.match(text):
        return "json"
    return next((kind for head, kind in _CSV.items() if text.startswith(head)), None)


_STEPS = ((100.0, 1.0), (1000.0, 10.0), (10000.0, 100.0))
_COARSEST = 1000.0


def meant_by(ms: float) -> Figure:
    """Below 100 ms whole milliseconds, then two digits: 147 becomes 150, and 150 stands for 145 to 155.

    A script may round in another way; one that is finer lies within the same bounds.
    """
    up = next((step for below, step in _STEPS if ms < below), _COARSEST)
    down = next((step for below, step in _STEPS if ms <= below), _COARSEST)
    return Figure(ms, max(0.0, ms - down / 2), ms + up / 2)
