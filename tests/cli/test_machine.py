"""`doctor`, `engines`, `wait`, `schema`, `--workers`, consent: this machine and the one under test."""

from __future__ import annotations

import pytest

from loadctl.cli.options import DemoOptions, parse_workers
from loadctl.cli.system import ask_for_consent, host_of, shards_for
from loadctl.errors import UsageError
from loadctl.monitors.process.cores import usable_cores
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from tests.cli.conftest import Loadctl


def test_the_doctor_says_what_there_is(loadctl: Loadctl) -> None:
    said = loadctl("doctor")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[-1] == "Load can be made here."
    assert {line.split()[1] for line in lines[:-1] if line[0] != " "} >= {
        "python",
        "locust",
        "cores",
        "folder",
    }
    assert {check["name"] for check in loadctl("doctor", "--json").document} >= {"python", "locust", "folder"}


def test_the_doctor_finds_a_folder_that_cannot_be_written(
    loadctl: Loadctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    said = loadctl("doctor")
    assert said.code == 4
    assert "wrong folder" in said.out
    assert said.out.endswith("Nothing can be run here: folder\n")


def test_engines_are_listed_with_their_versions(loadctl: Loadctl) -> None:
    assert "locust" in loadctl("engines").out
    document = loadctl("engines", "--json").document
    assert (document[0]["name"], document[0]["usable"]) == ("locust", True)


def test_the_schema_is_json(loadctl: Loadctl) -> None:
    assert "properties" in loadctl("schema").document
    assert loadctl("schema", "scenario").document["title"] == "a scenario of loadctl"
    wrong = loadctl("schema", "runs")
    assert (wrong.code, wrong.err) == (
        2,
        "there is no schema of 'runs'; there are result, comparison, baseline, scenario, users, targets\n",
    )


def test_waiting_ends_when_the_system_answers(loadctl: Loadctl, demo_host: str) -> None:
    said = loadctl("wait", f"{demo_host}/health", "--timeout", "10s")
    assert (said.code, said.out) == (0, "")
    assert "is ready after" in said.err
    assert loadctl("wait", demo_host, "-q").err == ""


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["http://127.0.0.1:9", "--timeout", "100ms"], 4, "nothing listens on 127.0.0.1:9"),
        (["{demo}/nothing", "--timeout", "100ms"], 4, "404"),
        (["nonsense"], 2, "nonsense is not a URL\nwrite  http://nonsense"),
        (["http://localhost:port"], 2, "is not a URL"),
    ],
)
def test_waiting_in_vain_is_an_error(
    loadctl: Loadctl, demo_host: str, argv: list[str], code: int, message: str
) -> None:
    said = loadctl("wait", *[word.format(demo=demo_host) for word in argv])
    assert said.code == code
    assert message in said.err


def test_workers_are_a_number_or_what_the_cores_allow() -> None:
    assert shards_for(parse_workers("3"), "http://localhost") == 3
    cores = int(usable_cores())
    assert shards_for(parse_workers("auto"), "http://192.0.2.1") == max(1, cores)
    assert shards_for(parse_workers("auto"), "http://localhost:8080") == max(1, cores // 2)


@pytest.mark.parametrize("text", ["0", "-2", "many", "1.5", "", "257", "²"])
def test_other_workers_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--workers takes a number"):
        parse_workers(text)


def scenario(host: str, *allowed: str) -> Scenario:
    load = Load("closed", [Stage(1, 1, 1.0, "1 user")])
    return Scenario(name="x", host=host, load=load, allow_hosts=allowed)


@pytest.mark.parametrize(
    ("host", "allowed", "asks"),
    [
        ("http://localhost:8080", (), False),
        ("http://10.1.2.3", (), False),
        ("https://shop.example.com", (), True),
        ("https://shop.example.com", ("*.example.com",), False),
        ("https://shop.example.com", ("other.example.com",), True),
    ],
)
def test_a_public_host_must_be_listed_where_nobody_can_answer(
    host: str, allowed: tuple[str, ...], asks: bool
) -> None:
    if asks:
        with pytest.raises(UsageError, match=r"shop\.example\.com is not a private host"):
            ask_for_consent(scenario(host, *allowed), "up to 1 user")
    else:
        ask_for_consent(scenario(host, *allowed), "up to 1 user")


def test_the_host_in_the_environment_does_not_contradict_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADCTL_HOST", "http://from-there")
    with host_of(DemoOptions(use=True), "http://from-there") as host:
        assert (host() or "").startswith("http://127.0.0.1:")
