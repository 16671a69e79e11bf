"""The pages in docs/ are true: their files are valid, their commands run, and these print what the page shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from loadctl.cli.app import app
from loadctl.cli.command_table import Commands, profile_alone
from loadctl.cli.options import Overrides
from loadctl.cli.planning import read
from loadctl.cli.system import demo_system
from loadctl.errors import InvalidInput
from tests.documents import ROOT, Block, Command, Page, missing_line
from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

DOCS = ROOT / "docs"
HAND_WRITTEN = sorted(DOCS.glob("*.md"))
SERVICE = "http://localhost:8000"
"""The reader's own service: here the demo system."""
REST_OF_A_SCENARIO = {
    "host": f"host: {SERVICE}",
    "tasks": "tasks: [{get: /models}, {post: /predict, json: {model: churn}}]",
    "load": "load: [{users: 5, for: 1m}]",
}
"""What a piece of a scenario, a YAML block without a title, leaves out."""
SCHEMAS = {".github/workflows": "github-workflows", ".gitlab-ci.yml": "gitlab-ci"}
SHORT = "2s"
OTHER_PROGRAMS = {"pip", "make"}
README = Page(ROOT / "README.md")
README_RUNS = [str(command) for command in README.commands() if command.words[1] == "run"]
"""test_readme.py carries them out, for their full time."""
README_SCREEN = README.of("text")[0].text
"""What the first one prints there."""
FOREIGN = re.compile(
    r"""<(?:script|img|source|iframe)[^>]*\ssrc="?(?:https?:)?//|<link[^>]*\shref="?(?:https?:)?//"""
)
"""What a browser would load from elsewhere while it shows a page."""

QUESTIONS = {
    "log in once and reuse the token": ("write-a-scenario.md", "log-in-once", "capture:"),
    "rows of a CSV": ("write-a-scenario.md", "one-row-for-each-user", "data: accounts.csv"),
    "two user types": ("write-a-scenario.md", "two-user-types", "users: {Reader: 3, Analyst: 1}"),
    "an open model": ("load-models.md", "an-open-load", "rate: 20/s"),
    "a target for one endpoint": ("write-a-scenario.md", "targets", "endpoints:"),
    "watch a container in CI": ("containers.md", "watch-a-container-in-ci", "--container"),
    "why INCONCLUSIVE": ("read-a-result.md", "why-inconclusive", "needs 1,000 successes"),
    "what generator-lag means": ("read-a-result.md", "a-generator-that-was-late", "`generator-lag`"),
    "my locustfile with its arguments": ("locustfile.md", "arguments-of-the-locustfile", "-- --tenant acme"),
    "yesterday's run by other targets": ("judge-again.md", "other-targets", "loadctl score latest --targets"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_two_steps_from_the_readme(question: str) -> None:
    name, section, said = QUESTIONS[question]
    assert f"docs/{name}" in {link.to for link in Page(ROOT / "README.md").links()}
    assert said in Page(DOCS / name).sections()[section]


def test_the_readme_links_to_what_is_there() -> None:
    for link in Page(ROOT / "README.md").links():
        assert (ROOT / link.to).exists(), link.to
        assert not link.anchor or link.anchor in Page(ROOT / link.to).sections(), link


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda path: path.stem)
def test_a_page_can_be_followed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    page = Page(path)
    if any("artillery" in command.words for command in page.commands()):
        request.getfixturevalue("artillery")
    with demo_system() if page.commands() else nullcontext(SERVICE) as system:
        host = system if isinstance(system, str) else system.host
        _Follower(Shell(tmp_path), host, monkeypatch).follow(page)


class _Follower:
    """Writes the files of a page and types its commands, in order. `host`: what stands for SERVICE."""

    def __init__(self, shell: Shell, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._shell = shell
        self._host = host
        self._monkeypatch = monkeypatch
        self._printed: str | None = None

    def follow(self, page: Page) -> None:
        for block in page.blocks():
            place = f"{page.path.name}:{block.line}"
            if block.language == "console":
                for command in block.commands():
                    self._type(command, place)
                continue
            if block.language == "text" and self._printed is not None:
                missing = missing_line(block.text.replace(SERVICE, self._host), self._printed)
                assert missing is None, f"{place}: not printed: {missing}\n{self._printed}"
            elif block.title:
                self._write(block)
            elif block.language == "yaml":
                self._check_piece(block, place)
            self._printed = None

    def _type(self, command: Command, place: str) -> None:
        first, *words = [word.replace(SERVICE, self._host) for word in command.words]
        if first == "export":
            for name, _, value in (word.partition("=") for word in words):
                self._monkeypatch.setenv(name, value)
        elif first != "loadctl":
            assert first in OTHER_PROGRAMS, place
        elif str(command) in README_RUNS:
            self._printed = README_SCREEN if str(command) == README_RUNS[0] else None
        elif command.not_run:
            _check_options(words)
        else:
            ended = self._shell(*_shortened(words))
            self._printed = ended.out + ended.err
            judges = words[0] in {"run", "score"} and command.code is None  # so short a run proves little
            expected = {0, 1, 3} if judges else {command.code or 0}
            assert ended.code in expected, f"{place}: {command}\n{ended.out}{ended.err}"

    def _write(self, block: Block) -> None:
        path = self._shell.write(block.title, block.text.replace(SERVICE, self._host))
        folder, _, name = block.title.rpartition("/")
        if schema := SCHEMAS.get(folder or name):
            _check_form(path, schema)
        elif folder == "scenarios" and block.language == "yaml" and name not in {"users.yaml", "broken.yaml"}:
            read(block.title, Overrides())

    def _check_piece(self, block: Block, place: str) -> None:
        there = yaml.safe_load(block.text)
        rest = [text for key, text in REST_OF_A_SCENARIO.items() if key not in there]
        path = self._shell.write("piece.yaml", "\n".join([block.text, *rest]))
        try:
            read(path.name, Overrides())
        except InvalidInput as error:
            pytest.fail(f"{place}: {error}")


def _shortened(words: list[str]) -> list[str]:
    """Of two durations the last counts; a script under its own phases takes none."""
    if words[0] != "run" or words[1:] == ["shop.yml"]:
        return words
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], "--duration", SHORT, *words[end:]]


def _check_options(words: list[str]) -> None:
    """Raises what is wrong with them."""
    context = get_command(app).make_context("loadctl", profile_alone(words))
    command = Commands().get_command(context, words[0])
    command.make_context(words[0], profile_alone(words)[1:], parent=context)


def _check_form(path: Path, schema: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", f"vendor.{schema}", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    for given in re.findall(r"uses: ORG/loadctl@v1\n +with:(.*?)(?=\n +- |\Z)", path.read_text(), re.DOTALL):
        assert set(yaml.safe_load(given)) <= set(action["inputs"])


def test_every_page_is_in_the_menu_and_the_site_is_built_strictly(tmp_path: Path) -> None:
    _copy(tmp_path)
    built = _build(tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    menu = set(_in_menu(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]))
    pages = [*HAND_WRITTEN, *(DOCS / "reference").glob("*.md")]
    assert {path.relative_to(DOCS).as_posix() for path in pages} <= menu
    assert all((DOCS / page).is_file() for page in menu)
    for page in (tmp_path / "site").rglob("*.html"):
        assert not FOREIGN.findall(page.read_text()), f"{page.name} needs another host"


def test_broken_links_fail_the_build(tmp_path: Path) -> None:
    _copy(tmp_path)
    with (tmp_path / "docs" / "ci.md").open("a") as page:
        page.write("\n[a](nowhere.md) [b](first-run.md#nowhere) [c](#nowhere)\n")
    built = _build(tmp_path)
    assert built.returncode != 0
    assert built.stderr.count("Warning:") == 3, built.stderr


def _copy(folder: Path) -> None:
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)


def _build(folder: Path) -> subprocess.CompletedProcess[str]:
    zensical = Path(sys.executable).with_name("zensical")
    return subprocess.run(
        [zensical, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )


def _in_menu(entries: Sequence[object]) -> Iterator[str]:
    for entry in entries:
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            if isinstance(value, list):
                yield from _in_menu(value)
            else:
                yield str(value)
