"""What GitHub's runner makes of our log: our annotations, and nothing that came from outside."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.errors import ExitCode, Mistake, Where
from loadctl.reports.ci.workflow_commands import (
    harmless,
    harmless_json,
    mistake_annotation,
    run_annotations,
    workflow_command,
)
from loadctl.reports.terminal.screen import render
from loadctl.results.result import dumps
from loadctl.results.verdict import Verdict
from tests.records import replace
from tests.reports.hostile import TEXTS, full_of, given_texts
from tests.reports.sample import FAILED, INCONCLUSIVE

NAMES = {
    *("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "set-output", "save-state"),
    *("set-env", "add-path", "echo", "stop-commands", "add-matcher", "remove-matcher"),
}


@dataclass(frozen=True)
class Command:
    name: str
    properties: Mapping[str, str]
    data: str


def runner(line: str) -> Command | None:
    """One line as actions/runner reads it (ActionCommand.cs); its comparisons ignore invisible characters."""
    seen = "".join(c for c in line if not _is_ignored(c))
    head = seen.lstrip()
    if head.startswith("::") and "::" in head[2:]:
        info, _, data = head[2:].partition("::")
        name, _, properties = info.partition(" ")
        if name.lower() in NAMES:
            pairs = [pair.split("=", 1) for pair in properties.strip().split(",") if "=" in pair]
            return Command(name, {key: _unescaped(value) for key, value in pairs}, _unescaped(data))
    if "##[" in seen:
        info, bracket, data = seen.partition("##[")[2].partition("]")
        if bracket and info.partition(" ")[0].lower() in NAMES:
            return Command(info.partition(" ")[0], {}, data)
    return None


def _is_ignored(char: str) -> bool:
    """Ignorable in a comparison by culture: controls but for blanks, format characters, variation selectors."""
    return (unicodedata.category(char) in {"Cc", "Cf"} and not char.isspace()) or "\ufe00" <= char <= "\ufe0f"


def _unescaped(text: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def commands(log: str) -> list[Command]:
    return [found for line in re.split(r"\r\n|\r|\n", log) if (found := runner(line))]


def visible(text: str) -> str:
    return "".join(c for c in text if not c.isspace() and not _is_ignored(c))


def everywhere(where: Where) -> Where:
    return where


INVISIBLE = st.sampled_from(["", "", "\u200b", "\xad", "\ufe0f", "\ufeff", "\x00", "\u2060"])
BLANK = st.sampled_from(["", "", " ", "\t", "\n", "\r\n", "\r", "\x85", "\xa0", "x"])
NAME = st.sampled_from(["error", "set-output name=a", "add-mask", "stop-commands", "nothing"])


@st.composite
def tricks(draw: st.DrawFn) -> str:
    """A command of either form, behind something else and with what a reader does not see in it."""
    before, name, seam = draw(TEXTS), draw(NAME), draw(INVISIBLE)
    start = f"{draw(BLANK)}:{seam}:{name}::x"
    return f"{before}{start}{draw(BLANK)}#{draw(INVISIBLE)}#{seam}[{name};]y"


def test_a_failed_target_is_annotated_on_its_line() -> None:
    place = Where("targets.yaml", 4, 14)
    result = replace(FAILED, scores=(replace(FAILED.scores[0], where=place), *FAILED.scores[2:4]))
    verdict, failed, warned = run_annotations(result, lambda where: where if where == place else None)
    assert verdict == (
        "::error title=FAIL baseline::2 of 6 targets are beyond their critical limit: latency p50, latency p95."
        "%0AThe one Python worker in ml-platform-api was at 99 %25 of a core for all 8 min; "
        "3 of the container's 4 cores were idle."
    )
    assert failed == (
        "::error file=targets.yaml,line=4,col=14,title=FAIL latency p50::"
        "measured 61.2 ms, wanted at most 10 ms, critical 50 ms (1.22 × the limit)"
    )
    assert warned.startswith("::warning title=WARN latency p99::measured 480 ms")


@pytest.mark.parametrize(
    ("verdict", "code", "levels"),
    [
        (Verdict.PASS, 0, []),
        (Verdict.WARN, 0, ["warning"]),
        (Verdict.WARN, 1, ["error"]),
        (Verdict.INCONCLUSIVE, 3, ["warning", "warning"]),
        (Verdict.ERROR, 4, ["error", "warning"]),
    ],
)
def test_the_level_goes_with_the_exit_code(verdict: Verdict, code: int, levels: list[str]) -> None:
    scores = [] if verdict is Verdict.PASS else [FAILED.scores[2]]
    result = replace(FAILED, verdict=verdict, exit_code=ExitCode(code), scores=scores)
    assert [found.name for line in run_annotations(result, everywhere) if (found := runner(line))] == levels


def test_what_is_not_judged_is_no_annotation() -> None:
    assert len(list(run_annotations(INCONCLUSIVE, everywhere))) == 1


def test_a_mistake_is_annotated_with_its_hint() -> None:
    mistake = Mistake(Where("scenarios/a,b.yaml", 3, 5), "unknown key 'vus'", "write users")
    assert mistake_annotation(mistake, everywhere) == (
        "::error file=scenarios/a%2Cb.yaml,line=3,col=5,title=loadctl::unknown key 'vus' (write users)"
    )


@given_texts
def test_a_command_is_one_line_and_says_what_it_was_given(text: str) -> None:
    line = workflow_command("error", text, title=text, file="x", line=3)
    assert not set(line) & {"\n", "\r"}
    found = runner(line)
    assert found is not None
    assert (found.name, found.properties.get("line")) == ("error", "3")
    ignored = "".join(c for c in text if not _is_ignored(c))
    assert found.data == ignored
    assert found.properties.get("title", "") == ignored


@given(TEXTS, st.booleans())
def test_annotations_of_hostile_results_are_annotations_only(text: str, failed: bool) -> None:
    result = full_of(text, FAILED if failed else INCONCLUSIVE)
    lines = list(run_annotations(result, everywhere))
    found = commands("\n".join(lines))
    assert len(found) == len(lines)
    assert {one.name for one in found} <= {"error", "warning"}
    assert all(set(one.properties) <= {"file", "line", "col", "title"} for one in found)


@given(tricks())
def test_no_line_of_the_log_is_a_command(text: str) -> None:
    assert commands(harmless(text)) == []
    assert visible(harmless(text)) == visible(text)  # only blanks came in


@given(tricks())
def test_json_stays_the_same_json(text: str) -> None:
    for document in ({"name": text, text: [text]}, text):
        written = harmless_json(json.dumps(document, indent=2, ensure_ascii=False))
        assert json.loads(written) == document
        assert commands(written) == []


@settings(max_examples=20)
@given(tricks())
def test_the_whole_screen_and_the_whole_document_command_nothing(text: str) -> None:
    result = full_of(text)
    assert commands(harmless(render(result))) == []
    assert commands(harmless_json(dumps(result))) == []


def test_the_screen_needs_it() -> None:
    """Without it, a message of the system under test can forge an output of the step."""
    forged = replace(FAILED, why="##[set-output name=verdict;]PASS")
    assert [found.name for found in commands(render(forged))] == ["set-output"]


def test_what_holds_no_command_is_not_touched() -> None:
    shown = render(FAILED)
    assert harmless(shown) == shown
    source = Path(__file__).read_text()[:600]
    assert harmless(source) == source
