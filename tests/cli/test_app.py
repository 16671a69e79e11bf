"""What holds for every command: help, exit codes, errors without tracebacks, quick starts, patient pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from loadctl.cli.app import explain
from loadctl.cli.command_table import COMMANDS
from loadctl.errors import Interrupted, InvalidInput, LoadctlError, Mistake, RunError, UsageError, Where
from tests.cli.conftest import Loadctl

PYTHON = [sys.executable, "-m", "loadctl"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(loadctl: Loadctl, command: str) -> None:
    said = loadctl(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: loadctl {command}")
    assert loadctl(command, "-h").out == said.out


def test_the_list_of_commands_names_them_all(loadctl: Loadctl) -> None:
    said = loadctl("--help")
    assert said.code == 0
    assert set(COMMANDS) <= set(said.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_each_command_says_first(name: str) -> None:
    entry = COMMANDS[name]
    said = getattr(import_module(f"loadctl.cli.commands.{entry.module}"), entry.module).__doc__
    assert said.startswith(entry.help.removesuffix("."))


def test_the_version_is_one_line(loadctl: Loadctl) -> None:
    said = loadctl("--version")
    assert (said.code, said.out.split()[0], said.out.count("\n")) == (0, "loadctl", 1)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["rn"], "Did you mean 'run'"),
        (["run", "--durration", "3s"], "--duration"),
        (["wait"], "Missing argument 'SYSTEM'"),
        (["run", "--users", "0"], "--users"),
        (["run", "--users", "many"], "valid integer"),
        (["-C", "nowhere", "list"], "cannot enter nowhere"),
        (["list", "unexpected"], "unexpected extra argument"),
    ],
)
def test_a_command_line_that_cannot_be_read_exits_2_with_the_nearest_word(
    loadctl: Loadctl, argv: list[str], message: str
) -> None:
    said = loadctl(*argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["run", "baseline", "--duration", "30"], "--duration: 30 has no unit; write 30s, 30m or 30h"),
        (["show", "baseline", "--duration", "soon"], "--duration: 'soon' is not a duration"),
        (["show", "baseline", "--rate", "5"], "--rate: 5 has no unit; write 5/s, 5/min or 5/h"),
        (["run", "baseline", "--demo", "--ready-timeout", "3"], "--ready-timeout: 3 has no unit"),
        (["wait", "http://127.0.0.1:1", "--timeout", "3"], "--timeout: 3 has no unit"),
        (["run", "http://127.0.0.1:1", "-u", "5", "-t", "3"], "--duration: 3 has no unit"),
        (["run", "http://127.0.0.1:1", "--rate", "5", "-t", "3s"], "--rate: 5 has no unit"),
    ],
)
def test_a_number_without_its_unit_is_a_mistake_not_a_bug(
    loadctl: Loadctl, argv: list[str], message: str
) -> None:
    said = loadctl(*argv)
    assert said.code == 2
    assert message in said.err


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["show", "baseline", "--rate", "5/s"], "a number of users, not a rate", "--users"),
        (["run", "http://127.0.0.1:1"], "needs its load on the command line", "-u 50 -t 5m"),
        (["run", "http://"], "http:// is not a URL", ""),
        (["run", "nothing.py", "-u", "1", "-t", "1s"], "no such file: nothing.py", ""),
        (["run", "nothing.yaml"], "no such file: nothing.yaml", "loadctl list"),
        (["run", "basline"], "did you mean 'baseline'", "packaged"),
        (["run"], "which scenario?", "name one"),
        (["run", "baseline", "--fault", "errors=5%"], "need the demo system", "--demo"),
        (["run", "baseline", "--demo", "-H", "http://x"], "--demo brings its own host", "leave out"),
        (["run", "baseline", "--demo", "--fail-on", "never"], "--fail-on takes fail or warn", ""),
        (
            ["run", "baseline", "-H", "http://example.com"],
            "example.com is not a private host",
            "--allow-host",
        ),
        (["run", "baseline", "--target", "latency_p95"], "latency_p95", "="),
        (["run", "baseline", "--target", "latncy_p95=1s"], "latency_p95", ""),
        (["run", "baseline", "--engine", "lcust"], "lcust", ""),
        (["demo", "--fault", "eror=5%"], "eror", "errors=5%"),
        (["report"], "there are no runs in runs", "--out"),
        (["score", "latest~2"], "there are no runs in runs", "--out"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    loadctl: Loadctl, argv: list[str], message: str, hint: str
) -> None:
    said = loadctl(*argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert hint in said.err


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UsageError("wrong", hint="do this"), "wrong\ndo this"),
        (RunError("gone", hint="one\ntwo"), "ERROR  gone\n       one\n       two"),
        (UsageError("bad", where=Where("a.yaml", 3, 7)), "a.yaml:3:7  bad"),
        (UsageError("a\x1b[31mb\tc"), "a [31mb c"),
        (
            InvalidInput([Mistake(Where("a.yaml", 1, 1000), "no", excerpt="x" * 999 + "!" + "y" * 9999)]),
            f"a.yaml:1:1000  no\n    1 | {'x' * 99}!{'y' * 100}\n      | {' ' * 99}^",
        ),
        (
            InvalidInput([Mistake(Where("a.yaml", 2, 3), "no", hint="yes", excerpt="  x: 1")]),
            "a.yaml:2:3  no\n    2 |   x: 1\n      |   ^\n      yes",
        ),
    ],
)
def test_errors_say_where_what_and_what_to_do(error: LoadctlError, text: str) -> None:
    assert explain(error) == text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (RunError("x"), 4),
        (Interrupted(2), 130),
        (Interrupted(15), 143),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("oops"), 70),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    loadctl: Loadctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, code: int
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("loadctl.results.result.schema", broken)
    said = loadctl("schema")
    assert said.code == code
    assert "Traceback" not in said.err
    if code == 70:
        report = Path(said.err.split()[-1])
        assert "ZeroDivisionError: oops" in said.err
        assert "Traceback" in report.read_text()


def test_a_bug_is_told_where_there_is_no_room_for_its_report(
    loadctl: Loadctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr("loadctl.results.result.schema", broken)
    said = loadctl("schema")
    assert said.code == 70
    assert "internal error: ZeroDivisionError: oops" in said.err
    assert 'raise ZeroDivisionError("oops")' in said.err


def test_the_folder_is_entered_before_anything_else(loadctl: Loadctl, folder: Path) -> None:
    (folder / "load" / "scenarios").mkdir(parents=True)
    (folder / "load" / "scenarios" / "mine.yaml").write_text(
        "host: http://localhost\ntasks: [{get: /}]\nload: [{users: 1, for: 1s}]\n"
    )
    assert "mine" in loadctl("-C", "load", "list").out


def test_the_folder_can_stand_in_the_environment(
    loadctl: Loadctl, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "load").mkdir()
    monkeypatch.setenv("LOADCTL_DIR", str(folder / "load"))
    assert str(folder / "load" / "scenarios") in loadctl("list").out


def test_a_folder_that_is_gone_is_said(
    loadctl: Loadctl, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    said = loadctl("list")
    assert said.code == 2
    assert "the working directory is gone" in said.err


def _process(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    ).stdout


def test_help_waits_for_nothing_heavy() -> None:
    heavy = "{'pydantic', 'rich', 'httpx', 'yaml', 'psutil', 'locust', 'gevent', 'uvicorn', 'asyncio'}"
    assert _process(f"import sys, loadctl.cli.app; print({heavy} & set(sys.modules))") == "set()\n"


def test_only_the_command_that_was_typed_is_imported() -> None:
    modules = {entry.module for entry in COMMANDS.values()}
    code = f"import sys; from loadctl.cli.app import funnel; funnel(['list', '-h']); print({modules} & "
    code += "{name.removeprefix('loadctl.cli.commands.') for name in sys.modules})"
    assert _process(code).splitlines()[-1] == "{'list_'}"


def test_the_first_request_waits_for_nothing_that_is_needed_later() -> None:
    later = "{'httpx', 'jinja2', 'psutil', 'loadctl.engines.artillery.engine', 'loadctl.results.summary'"
    later += ", 'loadctl.reports.terminal.plan', 'loadctl.run.store'}"
    code = (
        "import sys, loadctl.cli.execution, loadctl.run.runner, loadctl.run.readiness, loadctl.run.readiness"
    )
    assert _process(f"{code}; print({later} & set(sys.modules))") == "set()\n"


def test_a_library_brings_nothing_along_that_nobody_uses() -> None:
    """Selenium is installed here, and with it trio, which httpcore imports where it finds it."""
    assert version("trio")
    code = "import sys, loadctl, httpx; httpx.Client(verify=False)"
    code += "; print([name for name in sys.modules if name.startswith(('trio.', 'pygments'))])"
    assert _process(code) == "[]\n"


def test_a_reader_that_leaves_early_changes_no_exit_code(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "bad.yaml").write_text("nonsense: 1\n")
    for argv, code in ((["validate"], 2), (["schema"], 0), (["--help"], 0)):
        done = subprocess.run(
            [*PYTHON, *argv],
            cwd=tmp_path,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (code, ""), argv
    os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PYTHON, "schema"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr == "ERROR  stdout cannot be written: No space left on device\n"


def test_a_terminal_without_block_characters_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PYTHON, "show", "baseline"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("loadctl show ba", "baseline"),
        ("loadctl -C elsewhere show mi", "mine"),
        ("loadctl report la", "latest"),
        ("loadctl val", "validate"),
        ("loadctl run api --engine ar", "artillery"),
        ("loadctl report --format openm", "openmetrics"),
        ("loadctl run api --target recovery", "recovery_time="),
        ("loadctl run api --fail-on w", "warn"),
        ("loadctl engines install lo", "locust"),
        ("loadctl schema sc", "scenario"),
        ("loadctl explain generator-sat", "generator-saturated"),
    ],
)
def test_the_shell_completes_commands_names_and_values(tmp_path: Path, words: str, offered: str) -> None:
    (tmp_path / "elsewhere" / "scenarios").mkdir(parents=True)
    (tmp_path / "elsewhere" / "scenarios" / "mine.yaml").write_text("")
    env = {
        "_LOADCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    script = Path(sys.executable).with_name("loadctl")
    done = subprocess.run(
        [script],
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == [offered]


def test_completion_can_be_shown_for_the_shell() -> None:
    """The shell is the one that started loadctl: `exit` keeps bash from giving its process away."""
    script = Path(sys.executable).with_name("loadctl")
    done = subprocess.run(
        ["bash", "-c", f"'{script}' --show-completion; exit $?"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "complete -o default -F _loadctl_completion loadctl" in done.stdout


def test_ctrl_c_while_modules_are_imported_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "loadctl", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
