"""Figures of a foreign report that no run can have are refused with their place."""

from __future__ import annotations

from loadctl.results.imported import Figure, Imported, ImportedEndpoint, impossible


def report(*, requests: int = 100, failed: float = 1, p95: float = 5) -> Imported:
    row = ImportedEndpoint(
        endpoint="GET /a",
        requests=requests,
        failed=Figure.exact(failed),
        successes=99,
        latency={"p95": Figure.exact(p95)},
    )
    return Imported(engine="x", files=["f"], kind="a file", total=row, endpoints=[], model="closed")


def test_what_no_run_can_have() -> None:
    assert impossible(report()) is None
    assert impossible(report(p95=-5)) == "GET /a: latency p95 is -5"
    assert impossible(report(p95=float("nan"))) == "GET /a: latency p95 is nan"
    assert impossible(report(failed=-500)) == "GET /a: failures is -500"
    assert impossible(report(failed=500)) == "GET /a: 500 failures of 100 requests"
