"""Whatever lies where a file is looked for: an answer, soon, and never a traceback."""

from __future__ import annotations

import codecs
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Loadctl

Write = Callable[[str, str], Path]
SMALL = "host: http://localhost\ntasks: [{get: /}]\nload: [{users: 1, for: 5s}]\n"
LONG = "a" * 5000


@pytest.mark.parametrize(
    "argv",
    [
        ["run", LONG],
        ["run", f"{LONG}.yaml"],
        ["run", f"{LONG}.py", "-u", "1", "-t", "2s"],
        ["run", "a\0b.yaml"],
        ["validate", f"{LONG}.json"],
        ["report", LONG],
        ["score", "a\0b"],
        ["init", f"{LONG}/x"],
        ["init", "a\0b"],
        ["runs", "--out", LONG],
        ["report", "--out", LONG],
    ],
    ids=lambda argv: f"{argv[0]} {argv[-1][-8:]!r}",
)
def test_a_name_that_no_file_can_have_is_no_bug(loadctl: Loadctl, argv: list[str]) -> None:
    said = loadctl(*argv)
    assert said.code == (0 if argv[0] == "runs" else 2), said.err
    assert "internal error" not in said.err


def test_what_is_no_file_is_not_waited_for(loadctl: Loadctl, write: Write, folder: Path) -> None:
    """A pipe that nobody writes to, a device without end, a link to itself, a folder: none stops the others."""
    write("scenarios/good.yaml", SMALL)
    os.mkfifo(folder / "scenarios" / "pipe.yaml")
    (folder / "scenarios" / "zero.yaml").symlink_to("/dev/zero")
    (folder / "scenarios" / "loop.yaml").symlink_to("loop.yaml")
    (folder / "scenarios" / "folder.yaml").mkdir()
    os.mkfifo(folder / "targets.yaml")
    os.mkfifo(folder / "scenarios" / "users.yaml")
    listed = loadctl("list")
    assert (listed.code, "good" in listed.out) == (0, True)
    for name, message in [
        ("pipe", "cannot read scenarios/pipe.yaml: it is not a regular file"),
        ("zero", "cannot read scenarios/zero.yaml: it is not a regular file"),
        ("loop", "cannot read scenarios/loop.yaml: Too many levels of symbolic links"),
        ("folder", "cannot read scenarios/folder.yaml: Is a directory"),
    ]:
        said = loadctl("validate", name)
        assert (said.code, message in said.out) == (2, True), said.out
    assert loadctl("validate", "good").code == 0


def test_a_file_that_is_too_large_is_refused(loadctl: Loadctl, write: Write, folder: Path) -> None:
    write("scenarios/large.yaml", SMALL)
    os.truncate(folder / "scenarios" / "large.yaml", 100_000_001)
    said = loadctl("validate", "large")
    assert "scenarios/large.yaml is too large: more than 100 MB" in said.out
    assert loadctl("score", "--targets", "/dev/zero").code == 2


@pytest.mark.parametrize(
    ("encoded", "hint"),
    [
        (codecs.BOM_UTF16_LE + SMALL.encode("utf-16-le"), "it is UTF-16; save it as UTF-8"),
        (codecs.BOM_UTF16_BE + SMALL.encode("utf-16-be"), "it is UTF-16; save it as UTF-8"),
        (b"goal: caf\xe9\n" + SMALL.encode(), "is not UTF-8 text (byte 9)"),
    ],
)
def test_another_encoding_is_named(loadctl: Loadctl, folder: Path, encoded: bytes, hint: str) -> None:
    (folder / "s.yaml").write_bytes(encoded)
    said = loadctl("run", "s.yaml")
    assert said.code == 2
    assert hint in said.err


@pytest.mark.parametrize("text", [codecs.BOM_UTF8.decode() + SMALL, SMALL.replace("\n", "\r\n")])
def test_marks_and_line_ends_of_windows_are_welcome(loadctl: Loadctl, write: Write, text: str) -> None:
    (write("s.yaml", "")).write_bytes(text.encode())
    assert loadctl("validate", "s.yaml").code == 0


def test_a_run_with_a_hostile_name_or_verdict_cannot_speak_to_the_terminal(
    loadctl: Loadctl, write: Write
) -> None:
    write("runs/20261124T120000Z-\x1b[2J-x/run.json", "{}")
    write("runs/20261124T120000Z-\x1b[2J-x/result.json", '{"verdict": "PASS\\u001b[31m\\nFAIL"}')
    said = loadctl("runs")
    assert (said.code, said.out.count("\n"), "\x1b" in said.out) == (0, 2, False), "a heading and one line"


def test_names_that_are_no_utf_8_are_refused_with_their_place(folder: Path) -> None:
    path = os.fsencode(folder) + b"/caf\xe9.yaml"
    with open(path, "w") as file:  # noqa: PTH123  pathlib takes no bytes
        file.write(SMALL)
    environment = {**os.environ, "PYTHONUTF8": "0", "LC_ALL": "C", "X_\udcff": "\udcff"}
    for words in ([b"validate", b"caf\xe9.yaml"], [b"show", b"caf\xe9.yaml"], [b"validate", b"\xff"]):
        done = subprocess.run(
            [sys.executable, "-m", "loadctl", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 2, done.stderr
        assert b"argument 2 is not UTF-8 text: " in done.stderr


HOSTILE = "a\x1b[2J\x07\x9b31mb"


def test_a_file_with_a_hostile_name_cannot_speak_to_the_terminal(loadctl: Loadctl, write: Write) -> None:
    write(f"scenarios/{HOSTILE}.yaml", SMALL)
    write("scenarios/broken.yaml", "nonsense: 1\n")
    for words in (["validate"], ["validate", f"scenarios/{HOSTILE}.yaml"], ["list"], ["show", HOSTILE]):
        said = loadctl(*words)
        assert "b" in said.out
        assert not [char for char in said.out + said.err if char in "\x1b\x07\x9b"], words
    assert HOSTILE in [each["name"] for each in loadctl("list", "--json").document]


@pytest.mark.parametrize("form", ["text", "openmetrics", "markdown", "json"])
def test_a_folder_with_a_hostile_name_cannot_speak_to_the_terminal(
    loadctl: Loadctl, folder: Path, form: str
) -> None:
    run = folder / f"runs/20261124T120000Z-{HOSTILE}"
    shutil.copytree(Path(__file__).parents[1] / "truth" / "recorded" / "calm", run)
    said = loadctl("report", str(run), "--format", form)
    assert said.code == 0, said.err
    assert not [char for char in said.out if char in "\x1b\x07\x9b"]
    report = folder / "report"
    assert loadctl("report", str(run), "--format", form, "-o", str(report)).code == 0
    assert report.stat().st_mode & 0o777 == 0o600
    if form != "json":
        assert not [char for char in report.read_text() if char in "\x1b\x07\x9b"]
