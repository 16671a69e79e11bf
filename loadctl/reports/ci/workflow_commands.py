"""What the log of GitHub Actions understands as commands: annotations and groups. Text from outside never is one.

Sources: "Workflow commands for GitHub Actions" in GitHub's documentation, and the runner that reads the log
(actions/runner, ActionCommand.cs). A line is a command where it begins with `::`, after blanks, and also where
`##[` stands anywhere in it. The runner compares by culture, so that invisible characters between the signs change
nothing, and an invisible character put there would not help.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from loadctl.errors import ExitCode, Mistake, Where
from loadctl.reports.printable import printable
from loadctl.reports.scores import described, verdict_words
from loadctl.results.decision import label
from loadctl.results.result import Result
from loadctl.results.verdict import Status, Verdict

Locate = Callable[[Where], Where | None]
"""The place as GitHub knows it: the file's path in the repository. None: it is in no file there."""

_LEVELS = {
    Verdict.FAIL: "error",
    Verdict.ERROR: "error",
    Verdict.INTERRUPTED: "error",
    Verdict.INCONCLUSIVE: "warning",  # says nothing against the system; the exit code is red all the same
}
_IGNORED = (
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]*"
)
_FIRST = re.compile(rf"((?:\A|[\r\n])(?:\s|{_IGNORED[:-1]})*:){_IGNORED}:")
_ANYWHERE = re.compile(rf"(#{_IGNORED}#){_IGNORED}\[")


def harmless(text: str) -> str:
    """`text` for the log: a blank keeps the signs of a command apart."""
    return _ANYWHERE.sub(r"\1 [", _FIRST.sub(r"\1 :", text))


def harmless_json(text: str) -> str:
    """The same JSON, written so that the log holds no command: `##[` can only stand in a string there."""
    return _ANYWHERE.sub(lambda signs: f"{signs[0][:-1]}\\u005b", text)


def workflow_command(name: str, message: str, **properties: str | int | None) -> str:
    """One line, whatever the texts hold."""
    given = {key: str(value) for key, value in properties.items() if value}
    shown = ",".join(f"{key}={_property(value)}" for key, value in given.items())
    return f"::{name}{' ' if shown else ''}{shown}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def run_annotations(result: Result, locate: Locate) -> Iterator[str]:
    """One for the verdict unless it is good, and one for each target that was missed, on its line."""
    if level := _LEVELS.get(result.verdict):
        why = "\n".join(
            printable(reason) for reason in [*result.reasons, *([result.why] if result.why else [])]
        )
        place = locate(Where(result.source, 1))
        yield _annotation(level, f"{verdict_words(result)} {printable(result.scenario, 60)}", why, place)
    strict = result.verdict is Verdict.WARN and result.exit_code is ExitCode.FAIL
    for score in result.scores:
        if score.decides and score.status in {Status.FAIL, Status.WARN}:
            level = "error" if score.status is Status.FAIL or strict else "warning"
            title = f"{score.status.value} {printable(label(score.target), 120)}"
            yield _annotation(level, title, described(score), locate(score.target.where))


def mistake_annotation(mistake: Mistake, locate: Locate) -> str:
    """What is wrong in a file, on its line."""
    message = printable(mistake.message) + (f" ({printable(mistake.hint)})" if mistake.hint else "")
    return _annotation("error", "loadctl", message, locate(mistake.where))


def _annotation(level: str, title: str, message: str, place: Where | None) -> str:
    if place is None:
        return workflow_command(level, message, title=title)
    return workflow_command(level, message, file=place.file, line=place.line, col=place.column, title=title)
