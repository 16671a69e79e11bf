"""`--metrics-port` and `--metrics-linger`, and what is said about wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loadctl.cli.options import parse_address
from tests.cli.conftest import Loadctl


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::]:0", ("::", 0)),
        ("ci.internal:80", ("ci.internal", 80)),
    ],
)
def test_a_port_alone_is_for_this_machine_only(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--metrics-port", "http"), "--metrics-port takes a port or HOST:PORT, not 'http'"),
        (("--metrics-port", "70000"), "--metrics-port takes a port or HOST:PORT, not '70000'"),
        (("--metrics-port", ":9464"), "--metrics-port takes a port or HOST:PORT, not ':9464'"),
        (("--metrics-linger", "5s"), "--metrics-linger needs --metrics-port"),
        (("--metrics-port", "0", "--metrics-linger", "5"), "--metrics-linger: 5 has no unit"),
    ],
)
def test_wrong_options(
    loadctl: Loadctl, write: Callable[[str, str], Path], args: tuple[str, ...], message: str
) -> None:
    write("scenarios/api.yaml", "host: http://127.0.0.1:9\ntasks: [{get: /}]\nload: [{users: 1, for: 1s}]\n")
    ended = loadctl("run", "api", *args)
    assert (ended.code, message in ended.err) == (2, True), ended.err


def test_the_dashboard_is_a_file_like_others_that_are_exported(loadctl: Loadctl, folder: Path) -> None:
    done = loadctl("export", "--grafana")
    assert (done.code, done.out.strip()) == (0, "exported/loadctl-dashboard.json")
    assert '"title": "loadctl"' in (folder / done.out.strip()).read_text()
    assert "is there already" in loadctl("export", "--grafana").err
    assert "leave out its name" in loadctl("export", "baseline", "--grafana").err
