"""`runs`, `report`, `score`: what is on disk, told and judged again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from loadctl.run.journal import Journal
from tests.cli.conftest import Loadctl
from tests.e2e.shell import Shell

pytestmark = pytest.mark.quiet  # a verdict on latency needs a generator that got its core

SMALL = """
think: 20ms..60ms
tasks: [{get: /models}]
load: [{users: 5, for: 3s}]
targets: {latency_p95: 2s, error_rate: 1%}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three seconds, carried out once."""
    shell = Shell(tmp_path_factory.mktemp("finished"))
    shell.write("scenarios/small.yaml", SMALL)
    ended = shell("run", "--demo", "-q")
    assert ended.code == 0, ended
    return next((shell.folder / "runs").iterdir())


@pytest.fixture
def run_id(folder: Path, finished: Path) -> str:
    shutil.copytree(finished, folder / "runs" / finished.name)
    return finished.name


def test_no_runs_are_no_failure(loadctl: Loadctl, folder: Path) -> None:
    said = loadctl("runs")
    assert (said.code, said.out) == (0, f"no runs in {folder}/runs\n")
    assert loadctl("runs", "--json").document == []


def test_runs_are_listed_newest_first_with_their_verdict(loadctl: Loadctl, folder: Path, run_id: str) -> None:
    older = f"2020{run_id[4:-4]}beef"
    shutil.copytree(folder / "runs" / run_id, folder / "runs" / older)
    (folder / "runs" / older / "result.json").unlink()
    head, *lines = loadctl("runs").out.splitlines()
    assert head.split() == ["VERDICT", "BEGAN", "(UTC)", "SCENARIO", "P95", "OK/S", "ERRORS", "RUN"]
    assert [line.split()[0] for line in lines] == ["PASS", "no"]
    assert max(map(len, lines)) <= 80
    assert re.match(r"PASS +20\d\d-\d\d-\d\d \d\d:\d\d  small +[\d.]+ m?s +[\d.]+  0.00 %  ", lines[0]), (
        lines[0]
    )
    passed, unfinished = loadctl("runs", "--json").document
    assert (passed["verdict"], unfinished["verdict"]) == ("PASS", None)
    assert (passed["scenario"], passed["engine"], passed["error_rate"]) == ("small", "locust", 0.0)
    assert (unfinished["scenario"], unfinished["p95_ms"]) == ("small", None)


def test_the_list_can_be_cut_to_a_scenario_and_to_the_newest(
    loadctl: Loadctl, folder: Path, run_id: str
) -> None:
    other = folder / "runs" / f"2020{run_id[4:-4]}0000"
    shutil.copytree(folder / "runs" / run_id, other)
    manifest = json.loads((other / "run.json").read_text())
    manifest["scenario"]["name"] = "other"
    (other / "run.json").write_text(json.dumps(manifest))
    assert [row["id"] for row in loadctl("runs", "--scenario", "other", "--json").document] == [other.name]
    assert [row["id"] for row in loadctl("runs", "--limit", "1", "--json").document] == [run_id]
    assert [line.split()[-1] for line in loadctl("runs").out.splitlines()[1:]] == [run_id[-4:], "0000"]
    said = loadctl("runs", "--scenario", "nothing")
    assert (said.code, said.err.splitlines()[0]) == (2, "no run in runs is one of scenario 'nothing'")


@pytest.mark.parametrize(
    "reference", [[], ["latest"], ["{id}"], ["{tail}"], ["runs/{id}"], ["runs/{id}/result.json"]]
)
def test_a_run_is_found_by_any_part_of_its_name(loadctl: Loadctl, run_id: str, reference: list[str]) -> None:
    words = [word.format(id=run_id, tail=run_id[-4:]) for word in reference]
    said = loadctl("report", *words, "-q")
    assert (said.code, said.out.split()[:2]) == (0, ["PASS", "small"])
    assert loadctl("score", *words, "-q").out == said.out


def test_a_run_that_is_still_going_is_not_judged(loadctl: Loadctl, folder: Path, run_id: str) -> None:
    """It has no end yet, as one whose loadctl was killed: `report` said that it was."""
    journal = Journal(folder / "runs" / run_id / "events.ndjson")
    for command in ("report", "score"):
        said = loadctl(command)
        assert (said.code, said.out) == (2, "")
        assert f"{run_id} is still running and can be judged when it has ended" in said.err
    journal.close()
    assert loadctl("score", "-q").code == 0


def test_runs_may_lie_elsewhere(loadctl: Loadctl, folder: Path, run_id: str) -> None:
    (folder / "runs").rename(folder / "kept")
    assert loadctl("report", "-q").code == 2
    assert loadctl("report", "-q", "--out", "kept").code == 0
    assert run_id[-4:] in loadctl("runs", "--out", "kept").out


def test_the_report_is_the_screen_or_the_document(loadctl: Loadctl, run_id: str) -> None:
    said = loadctl("report")
    assert said.code == 0
    assert "TARGETS" in said.out
    assert "\x1b" not in said.out
    document = loadctl("report", "--json").document
    assert (document["verdict"], document["schema"]) == ("PASS", "loadctl.result/1")


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit", "csv", "csv-readings"])
def test_the_report_has_other_forms(loadctl: Loadctl, folder: Path, run_id: str, form: str) -> None:
    told = loadctl("report", "--format", form)
    assert (told.code, told.err) == (0, "")
    assert loadctl("report", "--format", form, "-o", "told").out == ""
    assert (folder / "told").read_text() == told.out
    assert "GET /models" in told.out or form in {"junit", "csv-readings"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("run", "baseline", "--demo", "--junit", "nowhere/j.xml"), "nowhere/j.xml cannot be written"),
        (("report", "--format", "pdf"), "there is no format 'pdf'; choose one of text,"),
        (("report", "-o", "nowhere/x"), "nowhere/x cannot be written: No such file"),
    ],
)
def test_what_cannot_be_written_is_said(
    loadctl: Loadctl, run_id: str, args: tuple[str, ...], message: str
) -> None:
    said = loadctl(*args)
    assert (said.code, message in said.err) == (2, True), said.err


def test_the_score_has_the_code_of_the_verdict(loadctl: Loadctl, folder: Path, run_id: str) -> None:
    assert loadctl("score", "-q").code == 0
    said = loadctl("score", "--target", "memory=1MB", "--json")  # no lag of the generator can touch that
    assert (said.code, said.document["verdict"]) == (1, "FAIL")
    (folder / "strict.yaml").write_text("memory: {target: 1MB, critical: 100GB}\n")
    assert loadctl("score", "--targets", "strict.yaml", "-q").out.startswith("WARN")
    assert loadctl("score", "--targets", "strict.yaml", "-q").code == 0
    assert loadctl("score", "--targets", "strict.yaml", "-q", "--fail-on", "warn").code == 1
    assert loadctl("report", "-q").out.startswith("PASS"), "judging again changes nothing on disk"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["report", "nothing"], "no run in runs has 'nothing' in its name"),
        (["report", "latest~3"], "there is no latest~3"),
        (["score", "--targets", "nothing.yaml"], "cannot read nothing.yaml: No such file"),
        (["score", "--target", "latency_p95=1"], "1 has no unit"),
        (["score", "--target", "speed=1ms"], "speed"),
        (["score", "--fail-on", "never"], "--fail-on takes fail or warn"),
    ],
)
def test_what_is_wrong_is_said(loadctl: Loadctl, run_id: str, argv: list[str], message: str) -> None:
    said = loadctl(*argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
