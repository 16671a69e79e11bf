"""`score FILE`: what bare Locust and bare Artillery wrote, on a server whose latencies are known.

The figures are those of the files, the verdicts are as sure as the files are, and what they cannot tell is said.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadctl.analysis.imported import judge_imported
from loadctl.cli.app import funnel
from loadctl.engines import read_report
from loadctl.engines.locust.report_files import meant_by
from loadctl.errors import UsageError
from loadctl.results.result import Result, dumps, loads
from loadctl.results.verdict import Score, Status, Verdict
from loadctl.scenario.reading.document import Text
from loadctl.scenario.reading.scenario_file import read_targets
from loadctl.scenario.reading.targets import Applicable
from tests.engines.bare import finish, start_artillery, start_locust

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadctl.engines.artillery.locate import Artillery
    from tests.engines.conftest import KnownServer

LOCUSTFILE = """
from locust import HttpUser, constant, events, task

class Caller(HttpUser):
    wait_time = constant(0)

    @task(60)
    def quick(self):
        self.client.get("/sleep/20", name="quick")

    @task(15)
    def slow(self):
        self.client.get("/sleep/147", name="slow")

    @task(1)
    def broken(self):
        self.client.get("/status/503", name="broken")

@events.init.add_listener
def init(environment, **_):
    @events.request.add_listener
    def enough(**_):
        if environment.runner.stats.num_requests == 1000:  # longer than 5 s, the interval of the chart
            environment.runner.quit()
"""
FALLS_SILENT = """
import gevent
from locust import HttpUser, constant, events, task

class Caller(HttpUser):
    wait_time = constant(0)

    @task
    def call(self):
        stats = self.environment.runner.stats
        self.client.get("/sleep/5" if stats.num_requests < 300 else "/hang", name="call")

@events.init.add_listener
def init(environment, **_):
    @events.request.add_listener
    def silence(**_):
        if environment.runner.stats.num_requests == 300:
            gevent.spawn_later(13, environment.runner.quit)
"""
SCRIPT = """
config:
  target: {url}
  http: {{timeout: 20, extendedMetrics: {extended}}}
  phases: [{{duration: 4, arrivalRate: 25}}]
scenarios:
  - flow:
      - get: {{url: /late-body/1000, name: late}}
      - get: {{url: /late-body/1000, name: late}}
      - get: {{url: /sleep/20, name: quick}}
"""
BROKEN = """
config:
  target: {url}
  http: {{timeout: 3}}
  phases: [{{duration: 3, arrivalRate: 10, maxVusers: 2}}]
scenarios:
  - flow:
      - get: {{url: /status/503, name: refused}}
      - get: {{url: /sleep/1000, name: long}}
      - get: {{url: /sleep/20, name: captured, capture: {{json: "$.nothing", as: x}}}}
  - flow:
      - get: {{url: /reset, name: reset}}
"""


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory, start_server: Callable[[], KnownServer], artillery: Artillery
) -> Path:
    """All files, from five short runs at once."""
    folder = tmp_path_factory.mktemp("written")
    server = start_server()
    for name, text in {
        "locustfile.py": LOCUSTFILE,
        "silent.py": FALLS_SILENT,
        "late.yml": SCRIPT.format(url=server.url, extended="false"),
        "extended.yml": SCRIPT.format(url=server.url, extended="true"),
        "broken.yml": BROKEN.format(url=server.url),
    }.items():
        (folder / name).write_text(text)
    common = ["--host", server.url, "--headless", "-r", "100"]
    silent_files = ["--html", "silent.html", "--csv", "silent"]
    written_files = ["--html", "report.html", "--csv", "run", "--json-file", "run"]
    runs = [
        start_locust(folder, "-f", "locustfile.py", *common, "-u", "8", "-t", "60s", *written_files),
        start_locust(folder, "-f", "silent.py", *common, "-u", "2", "-t", "60s", *silent_files),
        *(
            start_artillery(artillery, folder, "--output", f"{name}.json", f"{name}.yml")
            for name in ("late", "extended", "broken")
        ),
    ]  # fmt: skip
    finish(runs)
    return folder


def judged(folder: Path, names: list[str], *targets: str) -> Result:
    found = read_report([Text(name, (folder / name).read_text()) for name in names])
    known = Applicable([row.endpoint for row in found.endpoints], stages=(), model=found.model)
    return judge_imported(found, read_targets(None, known, targets=targets))


def only(result: Result, metric: str) -> Score:
    return next(score for score in result.scores if score.target.metric == metric)


def slow_p50(folder: Path, name: str, limit: str) -> Score:
    return only(judged(folder, [name], f"GET slow latency_p50={limit}"), "latency_p50")


def finding_ids(result: Result) -> set[str]:
    return {finding.id for finding in result.findings}


def statistics_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "run_stats.csv").open() as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


def template_arguments(folder: Path) -> dict[str, Any]:
    text = (folder / "report.html").read_text()
    found: dict[str, Any] = json.JSONDecoder().raw_decode(
        text, text.index("{", text.index("templateArgs ="))
    )[0]
    return found


def test_the_figures_are_those_of_locusts_html(written: Path) -> None:
    result = judged(written, ["report.html"])
    page = template_arguments(written)
    *_, total = page["requests_statistics"]
    summary = result.summary.total
    assert (summary.completed, summary.failed) == (total["num_requests"], total["num_failures"])
    assert summary.latency.mean == pytest.approx(total["avg_response_time"])
    percentiles = page["response_time_statistics"][-1]
    assert (summary.latency.p50, summary.latency.p95) == (percentiles["0.5"], percentiles["0.95"])
    assert summary.latency.absent["p999"]
    assert (result.planned_s or 0) * total["total_rps"] == pytest.approx(total["num_requests"])
    assert (result.host, result.peak) == (page["host"], 8)
    assert (result.started_at or "")[:19] == page["start_time"][:19]
    assert summary.errors == {"status_503": total["num_failures"]}
    assert {row.endpoint for row in result.summary.endpoints} == {"GET quick", "GET slow", "GET broken"}


def test_the_figures_are_those_of_locusts_csv(written: Path) -> None:
    names = [f"run_{what}.csv" for what in ("stats_history", "exceptions", "failures", "stats")]
    result = judged(written, names)
    rows = statistics_of(written)
    for row in [*result.summary.endpoints, result.summary.total]:
        line = rows["Aggregated" if row.endpoint == "total" else row.endpoint.removeprefix("GET ")]
        assert (row.completed, row.failed) == (int(line["Request Count"]), int(line["Failure Count"]))
        assert row.latency.p95 in {None, int(line["95%"])}
        assert row.throughput_per_s == pytest.approx(
            float(line["Requests/s"]) - float(line["Failures/s"]), rel=1e-6
        )
    assert result.summary.total.latency.p95 is not None
    assert result.peak == 8


def test_the_json_has_what_the_csv_may_lack(written: Path) -> None:
    entries = json.loads((written / "run.json").read_text())
    result = judged(written, ["run.json"])
    assert result.counters.started == sum(entry["num_requests"] for entry in entries)
    csv_alone = judged(written, ["run_stats.csv"])
    assert 0 < csv_alone.counters.started <= result.counters.started
    assert "last write of the CSV" in " ".join(finding.message for finding in csv_alone.findings)
    assert "last write of the CSV" not in " ".join(finding.message for finding in result.findings)


def test_files_of_one_run_complete_each_other(written: Path) -> None:
    result = judged(written, ["run_failures.csv", "report.html", "run.json", "run_stats_history.csv"])
    assert result.source == "Locust's JSON"
    assert (result.peak, result.host[:16]) == (8, "http://127.0.0.1")
    assert result.summary.total.errors == {"status_503": result.counters.failed}
    assert result.summary.total.latency.p999 is None
    assert loads(dumps(result)).files == result.files


@pytest.mark.parametrize("name", ["report.html", "run.json", "run_stats.csv"])
def test_a_limit_within_locusts_rounding_is_not_told(written: Path, name: str) -> None:
    """147 ms and a little is 150, which stands for 145 to 155; on a busy machine another such figure, or an exact one,
    where Locust holds a median against the largest time."""
    said = slow_p50(written, name, "30s").value or 0.0
    meant = meant_by(said)
    assert meant.high - meant.low >= 10
    assert slow_p50(written, name, f"{meant.high + 0.01:.2f}ms").status is Status.PASS
    assert slow_p50(written, name, f"{meant.low - 1:g}ms").status is Status.FAIL
    slow = next(entry for entry in json.loads((written / "run.json").read_text()) if entry["name"] == "slow")
    low, high = max(meant.low, slow["min_response_time"]), min(meant.high, slow["max_response_time"])
    result = judged(written, [name], f"GET slow latency_p50={(low + high) / 2:.2f}ms", "error_rate=50%")
    assert (result.verdict, result.exit_code) == (Verdict.INCONCLUSIVE, 3), (said, low, high)
    assert "cannot be determined from this file: its" in (only(result, "latency_p50").reason or "")
    assert "file-rounded" in finding_ids(result)
    assert any("locustfile" in advice for advice in result.advice)


def test_what_no_file_knows_is_no_data(written: Path) -> None:
    result = judged(
        written,
        ["report.html"],
        "ttfb_p95=1s",
        "cpu=50%",
        "max_throughput=1/s",
        "throughput=1000000/s",
        "error_rate=50%",
    )
    assert {only(result, name).status for name in ("ttfb_p95", "cpu", "max_throughput")} == {Status.NO_DATA}
    assert only(result, "throughput").status is Status.NOT_EXERCISED
    assert result.verdict is Verdict.INCONCLUSIVE
    assert judged(written, ["report.html"], "throughput=1/s", "error_rate=50%").verdict is Verdict.PASS


def test_an_end_in_silence_is_never_a_pass(written: Path) -> None:
    for names in (["silent.html"], ["silent_stats.csv", "silent_stats_history.csv"]):
        result = judged(written, names, "latency_p95=5s")
        assert only(result, "error_rate").status is Status.PASS, "Locust saw no failure"
        assert (result.verdict, result.exit_code) == (Verdict.INCONCLUSIVE, 3)
        assert "file-silent-end" in finding_ids(result)


def test_the_figures_are_those_of_artillerys_json(written: Path) -> None:
    result = judged(written, ["late.json"])
    aggregate = json.loads((written / "late.json").read_text())["aggregate"]
    assert result.counters.started == aggregate["counters"]["http.requests"] == 300
    assert (result.counters.begun, result.counters.dropped) == (100, 0)
    assert result.summary.total.failed == 0
    ttfb = result.summary.total.ttfb
    assert ttfb is not None
    assert (ttfb.p50, ttfb.p95) == tuple(
        aggregate["summaries"]["http.response_time.2xx"][q] for q in ("p50", "p95")
    )
    assert {row.endpoint: row.completed for row in result.summary.endpoints} == {"late": 200, "quick": 100}
    assert result.verdict is Verdict.PASS


def test_time_to_first_byte_breaks_a_limit_on_latency_and_never_meets_one(written: Path) -> None:
    """Two thirds of these took a second, and the file's p95 is about 20 ms."""
    result = judged(written, ["late.json"], "latency_p95=800ms")
    assert (result.verdict, result.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "time to first byte alone" in (only(result, "latency_p95").reason or "")
    assert result.summary.total.latency.p95 is None
    assert "file-first-byte" in finding_ids(result)
    assert judged(written, ["late.json"], "latency_p95=5ms").verdict is Verdict.FAIL
    assert only(judged(written, ["late.json"], "ttfb_p95=800ms"), "ttfb_p95").status is Status.PASS


def test_extended_metrics_tell_the_latency(written: Path) -> None:
    result = judged(written, ["extended.json"], "latency_p95=800ms", "latency_p50=20s")
    assert only(result, "latency_p95").status is Status.FAIL
    assert only(result, "latency_p50").status is Status.PASS
    assert (result.summary.total.latency.p50 or 0) >= 990
    assert "file-first-byte" not in finding_ids(result)


def test_failures_of_artillery_are_counted_within_bounds(written: Path) -> None:
    result = judged(written, ["broken.json"])
    counters = json.loads((written / "broken.json").read_text())["aggregate"]["counters"]
    certain = counters["http.codes.503"] + counters.get("errors.ECONNRESET", 0)
    assert result.counters.failed == certain
    most = certain + counters["errors.Failed capture or match"]
    assert f"{certain} to {most} of" in (only(result, "error_rate").detail or "")
    assert result.counters.dropped == counters["vusers.skipped"] > 0
    assert {"load-not-reached", "file-complaints"} <= finding_ids(result)
    assert result.summary.total.errors["check_failed"] == counters["errors.Failed capture or match"]
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_a_line_ends_where_the_file_ends_it(written: Path, sign: str) -> None:
    """Signs that Python too takes for ends of lines may stand in names."""
    text = (written / "run_stats.csv").read_text().replace("quick", f"quick{sign}one")
    result = judge_imported(read_report([Text("run_stats.csv", text)]), read_targets(None, Applicable()))
    assert {row.endpoint for row in result.summary.endpoints} >= {f"GET quick{sign}one", "GET slow"}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("report.html", lambda text: text[: text.index("templateArgs =") + 400], "cut off or damaged"),
        ("run.json", lambda text: text[:900], "cut off or damaged"),
        ("run_stats.csv", lambda text: text[:500], "does not end with a line Aggregated"),
        ("late.json", lambda text: text[:900], "cut off or damaged"),
        ("late.json", lambda _: '{"aggregate": {"scenariosCreated": 3}}', "the form of Artillery 1"),
        (
            "late.json",
            lambda _: '{"aggregate": {"counters": {"http.requests": "x"}}}',
            "damaged at aggregate",
        ),
        ("run_stats_history.csv", lambda text: text, "name the _stats.csv beside it"),
        ("locustfile.py", lambda text: text, "not a report that loadctl can score"),
    ],
)
def test_a_file_that_tells_nothing_is_refused(
    written: Path, name: str, change: Callable[[str], str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_report([Text(name, change((written / name).read_text()))])
    assert message in f"{caught.value.message} {caught.value.hint}"


def test_files_of_several_runs_are_refused(written: Path) -> None:
    texts = {
        name: Text(name, (written / name).read_text()) for name in ("run.json", "silent.html", "late.json")
    }
    for names, message in {
        ("run.json", "silent.html"): "of different runs",
        ("run.json", "late.json"): "written by different tools",
    }.items():
        with pytest.raises(UsageError, match=message):
            read_report([texts[name] for name in names])
    again = Text("other.json", texts["run.json"].text)
    with pytest.raises(UsageError, match="are both Locust's JSON"):
        read_report([texts["run.json"], again])


def test_an_empty_list_is_no_request() -> None:
    result = judge_imported(read_report([Text("run.json", "[]\n")]), read_targets(None, Applicable()))
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 4)


def test_the_command_takes_files_and_the_targets_of_the_folder(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def score(*argv: str) -> tuple[int, str, str]:
        code = funnel(["score", *argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    monkeypatch.chdir(tmp_path)
    stages = "stages: {spike: {latency_p95: 1ms}}"
    Path("targets.yaml").write_text(
        f"latency_p50: {{target: 0.4ms, critical: 5s}}\nerror_rate: 50%\n{stages}\n"
    )
    page, late = str(written / "report.html"), str(written / "late.json")
    code, out, _ = score(page)
    assert (code, out.split()[0]) == (0, "WARN")
    assert "measured by the engine itself" in " ".join(out.split())
    assert "GENERATOR" not in out
    assert score(page, "--fail-on", "warn", "-q")[0] == 1
    everything = sorted(str(path) for path in written.glob("run_*.csv"))
    document = json.loads(score(*everything, "--json")[1])
    assert document["files"][0].endswith("run_stats.csv")
    assert score(str(written / "run.json"), "-q")[1].startswith("WARN"), (
        "no manifest of a run, whatever its name"
    )
    assert score(page, "-q", "--junit", "judged.xml", "--markdown", "judged.md")[0] == 0
    assert 'name="latency p50"' in Path("judged.xml").read_text()
    assert Path("judged.md").read_text().startswith("### ⚠️ WARN: ")
    for argv, message in {
        ("nothing.html",): "no such file: nothing.html",
        (late, "--junit", "nowhere/judged.xml"): "nowhere/judged.xml cannot be written",
        ("latest", late): "score one run at a time",
        ("latest", "latest~1"): "score takes one run, not 2",
        (late, "--target", "POST /nowhere latency_p95=1s"): "no request is named 'POST /nowhere'",
    }.items():
        code, out, err = score(*argv)
        assert (code, out) == (2, "")
        assert message in err


def test_the_bounds_of_the_rounding_are_locusts_own() -> None:
    """Every latency lies within what its rounded value is taken to mean; asked of Locust itself."""
    ask = (
        "import json, sys; from locust.stats import bucket_response_time as b; "
        "print(json.dumps([[v, b(v)] for v in json.load(sys.stdin)]))"
    )
    values = (
        [n / 10 for n in range(2000)]
        + [float(n) for n in range(90, 30000)]
        + [94.999, 995.0, 99999.0, 1e6 + 1]
    )
    said = subprocess.run(
        [sys.executable, "-c", ask], input=json.dumps(values), capture_output=True, text=True, check=True
    )
    for value, rounded in json.loads(said.stdout):
        figure = meant_by(rounded)
        assert figure.low <= value <= figure.high, (value, rounded, figure)
