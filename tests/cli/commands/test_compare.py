"""`compare` and `baseline`: runs held against each other, from the command line to the exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from xml.etree import ElementTree as ET

import pytest

from loadctl.analysis.comparison import Side
from loadctl.cli.comparing import baseline_for, blocks_of, compared_with
from loadctl.cli.execution import stored
from loadctl.cli.judging import judged
from loadctl.engines import ENGINES
from loadctl.errors import ExitCode, UsageError
from loadctl.results.blocks import Identity, RunBlocks
from loadctl.run.baseline import save_baseline
from loadctl.run.directory import RunDirectory
from loadctl.run.machine import this_machine
from loadctl.run.manifest import traffic_hash
from loadctl.run.runner import RunRequest
from tests.analysis.simulated_runs import Service
from tests.cli.conftest import Loadctl
from tests.records import replace
from tests.run.test_identity import scenario as shop
from tests.truth.kept import RECORDED

jsonschema = pytest.importorskip("jsonschema", reason="make dev installs it")

QUIET = Service(seconds=120, run_sd=0.0, wander=0.0, error_rate=0.0)


@pytest.fixture(scope="module")
def sides() -> dict[str, list[RunBlocks]]:
    """By name; `slow` is half as slow again."""
    chance = Random(4)
    changes = {"main": 0.0, "again": 0.0, "slow": 0.5}
    return {
        name: [replace(QUIET.run(chance, change), run=f"{name}-{k}") for k in range(3)]
        for name, change in changes.items()
    }


@pytest.fixture
def baselines(folder: Path, sides: dict[str, list[RunBlocks]]) -> None:
    for name, runs in sides.items():
        save_baseline(name, runs)
    save_baseline("one", sides["again"][:1])
    save_baseline("lone", sides["main"][:1])


@pytest.fixture
def kept(folder: Path) -> Callable[[str, str], None]:
    """A recorded run of tests/truth under an id of its own."""

    def copy(case: str, run: str) -> None:
        shutil.copytree(RECORDED / case, folder / "runs" / run)

    return copy


@pytest.mark.parametrize(
    ("argv", "code", "outcome"),
    [
        (["main", "slow"], 1, "WORSE"),
        (["slow", "main"], 0, "BETTER"),
        (["main", "again"], 0, "SAME"),
        (["lone", "one"], 0, "CANNOT TELL"),
        (["lone", "one", "--require-proof"], 3, "CANNOT TELL"),
        (["main", "slow", "--gate", "error_rate"], 0, "SAME"),
        (["main", "again", "--tolerance", "1%"], 0, "CANNOT TELL"),
    ],
)
@pytest.mark.usefixtures("baselines")
def test_the_exit_code_is_that_of_the_gated_rows(
    loadctl: Loadctl, argv: list[str], code: int, outcome: str
) -> None:
    said = loadctl("compare", *argv, "-q")
    assert (said.code, said.out) == (code, f"{outcome}  api\n")


@pytest.mark.usefixtures("baselines")
def test_the_screen_says_what_changed_in_80_columns(loadctl: Loadctl) -> None:
    said = loadctl("compare", "main", "slow")
    lines = said.out.splitlines()
    assert lines[:3] == ["WORSE  api", "", "before  main (3 runs)"]
    assert "Latency p95 is slower: +5" in said.out
    assert "Error rate is the same: +0.00 pt" in said.out
    assert any(line.startswith("* latency p95") and line.endswith(" slower") for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("baselines")
def test_what_cannot_be_seen_is_said(loadctl: Loadctl) -> None:
    said = " ".join(loadctl("compare", "lone", "one").out.split())
    assert "Latency p95: no difference seen (" in said
    assert "; changes under about " in said


@pytest.mark.usefixtures("baselines")
def test_the_document_holds_every_row(loadctl: Loadctl) -> None:
    document = loadctl("compare", "main", "slow", "--json").document
    assert (document["schema"], document["outcome"], document["exit_code"]) == (
        "loadctl.comparison/1",
        "worse",
        1,
    )
    rows = {row["metric"]: row for row in document["changes"]}
    assert [name for name, row in rows.items() if row["gated"]] == ["latency_p95", "error_rate"]
    p95 = rows["latency_p95"]
    assert p95["low"] < p95["change"] < p95["high"]
    assert rows["memory"]["reason"] == "before: nothing watched it"
    assert document["before"]["runs"] == ["main-0", "main-1", "main-2"]
    jsonschema.validate(document, loadctl("schema", "comparison").document)


@pytest.mark.usefixtures("baselines")
def test_files_are_written_beside_the_screen(loadctl: Loadctl, folder: Path) -> None:
    said = loadctl("compare", "main", "slow", "--markdown", "c.md", "--junit", "c.xml", "--html", "c.html")
    assert said.code == 1
    assert (folder / "c.md").read_text().startswith("### ❌ WORSE: `api`\n\n- before: `main (3 runs)`\n")
    suite = ET.fromstring((folder / "c.xml").read_bytes())[0]  # noqa: S314  our own
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
    }
    page = (folder / "c.html").read_text()
    assert "<script" not in page
    assert page.count('class="line main"') == page.count('class="line plan"') > 5
    assert "Latency p95 is slower" in page


@pytest.mark.usefixtures("baselines")
def test_a_skipped_case_is_an_error_where_proof_was_asked(loadctl: Loadctl, folder: Path) -> None:
    assert loadctl("compare", "lone", "one", "--require-proof", "--junit", "c.xml").code == 3
    suite = ET.fromstring((folder / "c.xml").read_bytes())[0]  # noqa: S314  our own
    assert suite.get("errors") == "1"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["main", "main"], "main-0 is on both sides"),
        (["maim", "slow"], "there are no runs in runs"),
        (
            ["main", "slow", "--gate", "latncy_p95"],
            "unknown metric 'latncy_p95' in a comparison; did you mean 'latency_p95'",
        ),
        (["main", "slow", "--gate", "GET /a latency_p95"], "no request is named 'GET /a'"),
        (["main", "slow", "--gate", "GET /a throughput"], "unknown metric 'throughput'"),
        (["main", "slow", "--tolerance", "15"], "--tolerance: 15 has no unit; write 15%"),
        ([], "there are no runs in runs"),
    ],
)
@pytest.mark.usefixtures("baselines")
def test_what_cannot_be_compared_is_a_usage_error(loadctl: Loadctl, argv: list[str], message: str) -> None:
    said = loadctl("compare", *argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shards": 2}, "engine processes: 1 before, 2 after"),
        ({"engine_version": "2.48"}, "engine version: 2.47 before, 2.48 after"),
        ({"cpu_model": None}, "CPU model: EPYC before, not known after"),
        ({"traffic_hash": "other"}, "the runs did not send the same"),
        ({"traffic_hash": None}, "slow-0 does not say what it sent"),
    ],
)
def test_what_differs_is_named_and_passed_over_when_asked(
    loadctl: Loadctl, sides: dict[str, list[RunBlocks]], changed: dict[str, object], message: str
) -> None:
    save_baseline("main", sides["main"])
    save_baseline("other", [replace(run, identity=replace(run.identity, **changed)) for run in sides["slow"]])
    said = loadctl("compare", "main", "other")
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "--anyway" in said.err
    passed = loadctl("compare", "main", "other", "--anyway")
    assert passed.code == 1
    assert "Compared although" in passed.out


def test_a_run_that_is_not_fit_is_not_compared(loadctl: Loadctl, sides: dict[str, list[RunBlocks]]) -> None:
    save_baseline("main", sides["main"])
    save_baseline("smoke", [replace(run, unfit=("it was a smoke run",)) for run in sides["slow"]])
    said = loadctl("compare", "main", "smoke")
    assert said.code == 2
    assert "slow-0 cannot be compared: it was a smoke run" in said.err


def test_runs_are_found_by_name_by_pattern_and_alone(
    loadctl: Loadctl, kept: Callable[[str, str], None]
) -> None:
    for number in range(1, 4):
        kept("linear", f"2026120{number}T080000Z-linear-locust-000{number}")
    said = loadctl("compare", "--json")
    assert said.code == 0, said.err
    assert [said.document[side]["runs"] for side in ("before", "after")] == [
        ["20261202T080000Z-linear-locust-0002"],
        ["20261203T080000Z-linear-locust-0003"],
    ]
    several = loadctl("compare", "*-000[12]", "latest", "--json").document
    assert several["before"]["runs"] == [
        "20261201T080000Z-linear-locust-0001",
        "20261202T080000Z-linear-locust-0002",
    ]
    assert [row["decision"] for row in several["changes"] if row["gated"]] == ["same", "same"]
    assert loadctl("compare", "0001", "--json").document["after"]["name"] == "latest"


def test_another_scenario_is_not_the_run_before(loadctl: Loadctl, kept: Callable[[str, str], None]) -> None:
    kept("linear", "20261201T080000Z-linear-locust-0001")
    kept("calm", "20261202T080000Z-calm-locust-0002")
    said = loadctl("compare")
    assert (said.code, said.err.splitlines()[0]) == (2, "calm has one run only")


# -- baselines -----------------------------------------------------------------------------------------------------


def test_a_baseline_is_saved_listed_shown_compared_and_removed(
    loadctl: Loadctl, folder: Path, kept: Callable[[str, str], None]
) -> None:
    assert loadctl("baseline").out == f"no baselines in {folder}/baselines\n"
    for number in range(1, 4):
        kept("linear", f"2026120{number}T080000Z-linear-locust-000{number}")
    said = loadctl("baseline", "save", "main", "*-000[12]")
    assert (said.code, said.out.split(",")[0]) == (0, "baselines/main.json: 2 runs"), said.err
    assert "save 3 or more runs" in said.err
    [line] = loadctl("baseline", "list").out.splitlines()
    assert line.split()[:4] == ["main", "2", "runs", "linear"]
    assert [line.split()[0][-4:] for line in loadctl("baseline", "show", "main").out.splitlines()] == [
        "0001",
        "0002",
    ]
    assert loadctl("baseline", "list", "--json").document[0]["runs"][0]["requests"] > 10_000
    shutil.rmtree(folder / "runs" / "20261201T080000Z-linear-locust-0001")  # the file is enough
    assert loadctl("compare", "main", "latest").code == 0
    assert loadctl("baseline", "rm", "main").out == "baselines/main.json is removed\n"
    assert loadctl("baseline", "show", "main").code == 2


def test_a_baseline_holds_no_more_than_counts(
    loadctl: Loadctl, folder: Path, kept: Callable[[str, str], None]
) -> None:
    kept("errors-5", "20261201T080000Z-errors-locust-0001")
    loadctl("baseline", "save", "main", "--anyway")
    text = (folder / "baselines" / "main.json").read_text()
    assert len(text) < 60_000
    jsonschema.validate(json.loads(text), loadctl("schema", "baseline").document)
    assert "http" not in text
    assert "message" not in text


def test_runs_that_differ_are_no_baseline(loadctl: Loadctl, kept: Callable[[str, str], None]) -> None:
    kept("linear", "20261201T080000Z-linear-locust-0001")
    kept("calm", "20261202T080000Z-calm-locust-0002")
    said = loadctl("baseline", "save", "main", "0001", "0002")
    assert (said.code, said.out) == (2, "")
    assert "the runs did not send the same" in said.err


def _damaged(text: str, *path: str | int, value: object) -> str:
    found = json.loads(text)
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(found)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema"], "loadctl.baseline/9", "is not a baseline of this version"),
        (["runs"], [], "runs: it holds none"),
        (["runs", 0, "seconds"], [1.0], "runs.0.seconds: 10 numbers, not 1"),
        (["runs", 0, "successes"], [-1] * 10, "runs.0.successes: a number that no run has"),
        (["runs", 0, "seconds", 1], 1e-320, "runs.0.seconds: a number that no run has"),
        (["runs", 1, "total", "failed"], 10**9, "runs.1.total: more failures than requests"),
        (["runs", 0, "total", "ok", 3, "n"], 7, "runs.0.total: the histogram does not agree with itself"),
    ],
)
@pytest.mark.usefixtures("baselines")
def test_a_damaged_baseline_is_told_with_its_place(
    loadctl: Loadctl, folder: Path, path: Sequence[str | int], value: object, message: str
) -> None:
    file = folder / "baselines" / "main.json"
    file.write_text(_damaged(file.read_text(), *path, value=value))
    said = loadctl("compare", "main", "slow")
    assert (said.code, said.out) == (2, "")
    assert "baselines/main.json" in said.err
    assert message in said.err
    assert message in loadctl("baseline", "list").out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["save"], "baseline save needs the name of one"),
        (["sav", "main"], "did you mean 'save'?"),
        (["save", "../main"], "'../main' cannot name a baseline"),
        (["save", "latest"], "'latest' cannot name a baseline"),
        (["rm", "maim"], "there is no baseline 'maim' (baselines/maim.json); did you mean 'main'?"),
        (["save", "main", "nothing"], "there are no runs"),
    ],
)
@pytest.mark.usefixtures("baselines")
def test_what_is_wrong_with_a_baseline_is_said(loadctl: Loadctl, argv: list[str], message: str) -> None:
    said = loadctl("baseline", *argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


# -- a run with --baseline -----------------------------------------------------------------------------------------

TINY = "tasks: [{get: /models}]\nload: [{users: 1, for: 1s}]\ntargets: {error_rate: 1%}\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--baseline", "nothing"], "there is no baseline 'nothing' (baselines/nothing.json)"),
        (
            ["--baseline", "main"],
            "this run could not be compared with the baseline main:\n  the runs did not send",
        ),
        (["--baseline", "main", "--smoke"], "a smoke run is not compared"),
    ],
)
@pytest.mark.usefixtures("baselines")
def test_nothing_is_sent_where_the_comparison_will_not_be_possible(
    loadctl: Loadctl, folder: Path, argv: list[str], message: str
) -> None:
    (folder / "tiny.yaml").write_text(TINY)
    said = loadctl("run", "tiny.yaml", "-H", "http://127.0.0.1:1", *argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert not (folder / "runs").exists()


def test_a_baseline_of_the_same_is_accepted_before_the_run(
    folder: Path, sides: dict[str, list[RunBlocks]]
) -> None:
    request = RunRequest(scenario=shop(), engine=ENGINES["locust"], out=Path("runs"))
    machine = this_machine()
    identity = Identity(
        traffic_hash=traffic_hash(shop()),
        engine="locust",
        engine_version=ENGINES["locust"].version(),
        shards=1,
        architecture=machine.architecture,
        cpu_model=machine.cpu_model,
        cores=machine.cores,
    )
    save_baseline("main", [replace(run, identity=identity) for run in sides["main"]])
    assert baseline_for("main", request).runs == tuple(
        replace(run, identity=identity) for run in sides["main"]
    )
    with pytest.raises(UsageError, match="engine processes: 1 before, 2 after"):
        baseline_for("main", replace(request, shards=2))


def test_a_run_that_became_worse_than_its_baseline_exits_1(
    folder: Path, kept: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    kept("linear", "20261202T080000Z-linear-locust-0002")
    judgement = judged(RunDirectory(folder / "runs" / "20261202T080000Z-linear-locust-0002"))
    judgement = replace(judgement, result=replace(judgement.result, exit_code=ExitCode.OK))
    same = blocks_of(judgement.run)
    quick = replace(
        same, run="quick", total=replace(same.total, latency_ms={"p95": same.total.latency_ms["p95"] / 2})
    )
    for runs, code, word in (([quick], 1, "WORSE"), ([same], 0, "CANNOT TELL")):
        assert compared_with(Side("main", runs), judgement, quiet=True, as_json=False) == code
        assert capsys.readouterr().out == f"\n{word}  linear\n"
        written = json.loads((judgement.run.path / "comparison.json").read_text())
        assert (written["schema"], written["exit_code"]) == ("loadctl.comparison/1", code)
    failed = replace(judgement, result=replace(judgement.result, exit_code=ExitCode.INCONCLUSIVE))
    assert compared_with(Side("main", [quick]), failed, quiet=True, as_json=True) == ExitCode.INCONCLUSIVE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("WORSE  linear: ")


def test_a_run_that_is_not_fit_keeps_its_verdict(
    folder: Path, kept: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    kept("errors-5", "20261202T080000Z-errors-locust-0002")
    judgement = judged(RunDirectory(folder / "runs" / "20261202T080000Z-errors-locust-0002"))
    side = Side("main", [blocks_of(judgement.run)])
    assert compared_with(side, judgement, quiet=True, as_json=False) == judgement.result.exit_code
    assert "not compared with main: 20261202T080000Z-errors" in capsys.readouterr().err


# -- targets with vs: ----------------------------------------------------------------------------------------------

AGAINST_MAIN = (
    "latency_p95: {critical: 10s, vs: main, worse_by: 10%}\nthroughput: {vs: main, worse_by: 20%}\n"
)


@pytest.mark.parametrize(
    ("factors", "code", "statuses"),
    [
        ((2.0,), 1, ["PASS", "FAIL", "PASS"]),
        ((1.0,), 3, ["PASS", "NO_DATA", "PASS"]),
        ((1.13,), 3, ["PASS", "NO_DATA", "PASS"]),
        ((1.0, 1.0, 1.0, 1.0), 0, ["PASS", "PASS", "PASS"]),
        ((0.5,), 0, ["PASS", "PASS", "PASS"]),
    ],
)
def test_a_target_is_held_against_a_baseline(
    loadctl: Loadctl,
    folder: Path,
    kept: Callable[[str, str], None],
    factors: Sequence[float],
    code: int,
    statuses: Sequence[str],
) -> None:
    """`factors`: how much slower the run is than each run of the baseline."""
    kept("linear", "20261202T080000Z-linear-locust-0002")
    blocks = blocks_of(RunDirectory(folder / "runs" / "20261202T080000Z-linear-locust-0002"))
    p95 = blocks.total.latency_ms["p95"]
    save_baseline(
        "main",
        [
            replace(blocks, run=f"main-{k}", total=replace(blocks.total, latency_ms={"p95": p95 / factor}))
            for k, factor in enumerate(factors)
        ],
    )
    (folder / "against.yaml").write_text(AGAINST_MAIN)
    said = loadctl("score", "--targets", "against.yaml", "--json")
    against = {score["metric"]: score for score in said.document["scores"]}
    names = ("latency_p95", "latency_p95 vs main", "throughput vs main")
    assert [against[name]["status"] for name in names] == statuses
    assert said.code == code
    if code == 1:
        assert against["latency_p95 vs main"]["value"] == pytest.approx(100, abs=1)
        assert "p95 vs main" in loadctl("score", "--targets", "against.yaml").out


def test_a_baseline_that_is_not_there_is_no_data_afterwards_and_a_mistake_before(
    loadctl: Loadctl, folder: Path, kept: Callable[[str, str], None]
) -> None:
    kept("linear", "20261202T080000Z-linear-locust-0002")
    (folder / "against.yaml").write_text(AGAINST_MAIN)
    said = loadctl("score", "--targets", "against.yaml", "--json")
    assert said.code == 3
    assert "there is no baseline 'main'" in said.document["scores"][1]["reason"]
    (folder / "tiny.yaml").write_text(TINY.replace("error_rate: 1%", "error_rate: {vs: main, worse_by: 1%}"))
    told = loadctl("run", "tiny.yaml", "-H", "http://127.0.0.1:1")
    assert (told.code, told.out) == (2, "")
    assert "there is no baseline 'main'" in told.err
    assert len(list((folder / "runs").iterdir())) == 1


def test_a_run_keeps_the_baselines_that_it_was_judged_by(
    loadctl: Loadctl, folder: Path, kept: Callable[[str, str], None]
) -> None:
    kept("linear", "20261202T080000Z-linear-locust-0002")
    run = RunDirectory(folder / "runs" / "20261202T080000Z-linear-locust-0002")
    manifest = json.loads((run.path / "run.json").read_text())
    [target, *_] = manifest["scenario"]["targets"]
    against = {**target, "metric": "latency_p95 vs main", "critical": 10.0, "target": None, "unit": "%"}
    manifest["scenario"]["targets"] = [{**against, "scope": {"kind": "run", "name": ""}}]
    (run.path / "run.json").write_text(json.dumps(manifest))
    blocks = blocks_of(run)
    save_baseline("main", [replace(blocks, run="a", total=replace(blocks.total, latency_ms={"p95": 1.0}))])
    stored(run, fail_on_warn=False)
    save_baseline("main", [replace(blocks, run="a")])
    assert loadctl("report", "-q").out.startswith("FAIL"), "the baseline of the run, not the one of today"
    assert loadctl("baseline", "rm", "main").code == 0
    assert loadctl("score", "-q").code == 1
