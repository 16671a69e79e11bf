"""loadctl in this process: a folder, a command line, an exit code, and what was said."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadctl.cli.app import funnel
from loadctl.cli.system import demo_system

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Loadctl = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("LOADCTL_", "GITHUB_")) or name == "COLUMNS":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loadctl(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Loadctl:
    def call(*argv: str) -> Said:
        capsys.readouterr()
        monkeypatch.setattr("loadctl.cli.output._secrets", {})  # a command knows its own alone
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        code = funnel(list(argv))
        for number, handler in handlers.items():  # a run leaves them as they are when a program ends
            signal.signal(number, handler)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    def put(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put


@pytest.fixture(scope="session")
def demo_host() -> Iterator[str]:
    with demo_system() as system:
        yield system.host
