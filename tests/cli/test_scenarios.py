"""`list`, `show`, `validate`: the scenarios of a folder, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Loadctl

Write = Callable[[str, str], Path]

GOOD = "goal: Fast\nhost: http://localhost\nthink: 1s\ntasks: [{get: /}]\nload: [{users: 5, for: 10s}]\n"
BAD = "host: http://localhost\ntasks: [{get: /}]\nload: [{users: 5, over: 30}]\nvus: 3\n"
SHIPPED = ["baseline", "endurance", "spike", "stress"]


def test_a_folder_without_scenarios_has_the_packaged_ones(loadctl: Loadctl, folder: Path) -> None:
    said = loadctl("list")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == f"nothing in {folder}/scenarios; loadctl init writes a first scenario"
    assert lines[1] == "packaged with loadctl:"
    assert [line.split()[0] for line in lines[2:]] == SHIPPED
    assert lines[2].startswith("  baseline   10→50 users, 10 min ")


def test_own_scenarios_come_first_and_replace_packaged_ones(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/api.yaml", GOOD)
    write("scenarios/baseline.yaml", GOOD)
    write("scenarios/users.yaml", "{}")
    write("scenarios/theirs.yml", "config:\n  target: http://x\n")
    document = loadctl("list", "--json").document
    assert [(row["name"], row["packaged"]) for row in document] == [
        ("api", False),
        ("baseline", False),
        ("endurance", True),
        ("spike", True),
        ("stress", True),
        ("scenarios/theirs.yml", False),
    ]
    assert document[-1]["kind"] == "script"
    assert document[0] == {
        "name": "api",
        "kind": "scenario",
        "source": "scenarios/api.yaml",
        "packaged": False,
        "goal": "Fast",
        "load": "5 users, 10 s",
        "model": "closed",
        "duration_s": 10.0,
        "mistake": None,
    }


def test_a_scenario_with_mistakes_is_listed_as_invalid(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/bad.yaml", BAD)
    assert "  bad  invalid, see:  loadctl validate bad" in loadctl("list").out
    assert "30 has no unit" in loadctl("list", "--json").document[0]["mistake"]


def test_validate_lists_every_mistake_with_its_place(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/good.yaml", GOOD)
    write("scenarios/bad.yaml", BAD)
    said = loadctl("validate")
    assert (said.code, said.err) == (2, "")
    assert "bad: 2 mistakes\n" in said.out
    assert "scenarios/bad.yaml:3:25  over: 30 has no unit; write 30s, 30m or 30h\n" in said.out
    assert "    3 | load: [{users: 5, over: 30}]\n      |                         ^\n" in said.out
    assert "'vus'" in said.out
    assert "good: valid (scenarios/good.yaml)\n" in said.out
    assert loadctl("validate", "-q").out == "1 of 2 valid\n"
    assert loadctl("validate", "good").code == 0
    assert loadctl("validate", "scenarios/bad.yaml").code == 2


def test_validate_speaks_json(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/bad.yaml", BAD)
    said = loadctl("validate", "bad", "nothing", "baseline", "--json")
    assert said.code == 2
    bad, nothing, baseline = said.document
    assert [bad["valid"], nothing["valid"], baseline["valid"]] == [False, False, True]
    assert (bad["mistakes"][0]["line"], bad["mistakes"][0]["column"]) == (3, 25)
    assert "no scenario is named 'nothing'" in nothing["mistakes"][0]["message"]


def test_validate_without_a_word_takes_the_packaged_ones_where_there_are_no_others(loadctl: Loadctl) -> None:
    said = loadctl("validate")
    assert said.code == 0
    lines = said.out.splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == SHIPPED
    assert not any("cannot be judged" in line for line in lines)


def test_validate_says_what_cannot_be_judged(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/api.yaml", GOOD + "targets: {latency_p99: 1s, latency_p95: 1s}\n")
    said = loadctl("validate")
    assert said.code == 0
    assert "  cannot be judged: latency_p99: about 48 requests expected, 1,000 needed; --duration" in said.out


@pytest.mark.parametrize("name", SHIPPED)
def test_show_draws_every_shipped_scenario_in_80_columns(loadctl: Loadctl, name: str) -> None:
    said = loadctl("show", name)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{name}  ")
    assert f"from (packaged) {name}\n" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_show_takes_the_options_of_run(loadctl: Loadctl) -> None:
    said = loadctl("show", "baseline", "-u", "5", "-t", "30s", "-H", "http://there:1", "--engine", "locust")
    assert said.out.startswith("baseline  1→5 users, 30 s, locust, http://there:1\n")
    said = loadctl("show", "baseline", "--target", "latency_p999=1s")
    assert "latency_p999" in said.out


def test_show_speaks_json(loadctl: Loadctl) -> None:
    document = loadctl("show", "baseline", "--json").document
    assert document["schema"] == "loadctl.plan/1"
    assert document["window"] == {"start_s": 20, "end_s": 600}
    assert document["stages"][0] == {
        "name": "warm-up",
        "start_s": 0,
        "end_s": 20,
        "from": 10,
        "to": 10,
        "warmup": True,
    }
    assert document["expected"]["scored"] > 20_000
    assert document["cannot_judge"] == []


def test_the_host_can_stand_in_the_environment(loadctl: Loadctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADCTL_HOST", "http://from-there:1")
    assert loadctl("show", "baseline", "--json").document["host"] == "http://from-there:1"
    assert loadctl("show", "baseline", "-H", "http://typed:1", "--json").document["host"] == "http://typed:1"


def test_the_targets_of_the_folder_replace_the_packaged_ones(loadctl: Loadctl, write: Write) -> None:
    write("targets.yaml", "latency_p95: 123ms\n")
    document = loadctl("show", "baseline", "--json").document
    assert {"latency_p95": 123.0}.items() <= {t["metric"]: t["critical"] for t in document["targets"]}.items()
    assert "cpu" not in {target["metric"] for target in document["targets"]}


def test_the_only_scenario_needs_no_name(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/api.yaml", GOOD)
    assert loadctl("show").out.startswith("api  5 users, 10 s")
    write("scenarios/other.yaml", GOOD)
    said = loadctl("show")
    assert said.code == 2
    assert "which scenario? There are several: api, other" in said.err


def test_a_file_that_is_no_text_is_said(loadctl: Loadctl, folder: Path) -> None:
    (folder / "x.yaml").write_bytes(b"\xff\xfe\x00")
    said = loadctl("show", "x.yaml")
    assert said.code == 2
    assert "x.yaml is not UTF-8 text" in said.err
