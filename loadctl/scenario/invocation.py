"""The command line that a scenario was started with, from which similar commands are suggested."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadctl.scenario.redaction import Redaction, without_secrets
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import write_duration, write_rate

SPELLINGS = {
    "--users": ("--users", "-u"),
    "--rate": ("--rate",),
    "--duration": ("--duration", "--run-time", "-t"),
}
SCALES = tuple(spelling for spellings in SPELLINGS.values() for spelling in spellings)
_PACE = ("--spawn-rate", "-r")
LOAD = (*SCALES, *_PACE)
PLACES = ("--host", "-H")
_FILES = ("--html", "--markdown", "--junit")
_HOW_SHOWN = {"--json", "--quiet", "-q", "--plain"}
_DEMO = "--demo"
_ENGINE = "--engine"
_JUDGED = ("--target",)
_WATCHED = ("--workers", "--processes", "--pid", "--process", "--container")
_WITH_VALUE = (*LOAD, *_FILES, *PLACES, *_JUDGED, *_WATCHED, _ENGINE, "--fault", "--allow-host")
_TAKEN = {
    "show": (_ENGINE, *_JUDGED),
    "run": (_ENGINE, *_JUDGED, *_WATCHED),
    "capacity": (_ENGINE, *_JUDGED, *_WATCHED),
}
"""Options that a command shares with the one that was typed."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """`argv`: what loadctl was started with; empty where that is not known."""

    scenario: Scenario
    argv: Sequence[str] = ()

    @property
    def reference(self) -> str:
        return self.scenario.reference or self.scenario.name

    def command(self, name: str, *words: str, place: bool = True) -> str:
        """Another command on the same scenario, in the same folder and, with `place`, on the same system."""
        at = self._place() if place else [word for word in self._kept(PLACES) if _DEMO not in self.argv]
        kept = self._kept(_TAKEN.get(name, ()))
        load = self._load() if name in {"run", "show"} and not {*SCALES}.intersection(words) else []
        to_script, after = self._to_script() if name in {"run", "show"} else ((), ())
        return self.typed(name, self.reference, *to_script, *at, *kept, *load, *words, *after)

    def again(self, *added: str, dropped: Sequence[str] = ()) -> str:
        """The same run, with options left out and added; how it was shown is not repeated."""
        if "run" not in self.argv:
            return self.command("run", *added)
        ours, of_script = _apart(self._shown())
        kept = [
            word
            for word, option in _by_option(ours)
            if option not in {*dropped, *_FILES} and word not in {*dropped, *_HOW_SHOWN}
        ]
        return f"loadctl {shlex.join([*kept, *added, *of_script])}"

    def elsewhere(self, url: str) -> str:
        """The same command on another system."""
        if not self.argv:
            return self.typed("run", self.reference, "-H", url)
        ours, of_script = _apart(self._shown())
        if self.scenario.load_on_command_line and self.scenario.script is None:
            words = (_moved(word, url) if word.startswith(("http://", "https://")) else word for word in ours)
            return f"loadctl {shlex.join(words)}"
        kept = [word for word, option in _by_option(ours) if option not in PLACES]
        return f"loadctl {shlex.join([*kept, '-H', url, *of_script])}"

    def typed(self, *words: str) -> str:
        """A command as it is typed, in the folder that this one named."""
        return f"loadctl {shlex.join([*self._folder(), *words])}"

    def _shown(self) -> list[str]:
        hidden = Redaction(self.scenario.secrets).hidden
        return [hidden(word) for word in without_secrets(self.argv)]

    def _kept(self, options: Sequence[str]) -> list[str]:
        ours, _ = _apart(self._shown())
        return [word for word, option in _by_option(ours) if option in options]

    def _place(self) -> list[str]:
        """The options for the system, if it is not the scenario's."""
        at = [_DEMO, *self._kept(("--fault",))] if _DEMO in self.argv else self._kept(PLACES)
        return [*at, *self._kept(("--allow-host",))]

    def _folder(self) -> Sequence[str]:
        first = self.argv[0] if self.argv else ""
        return self.argv[: 2 if first == "-C" else 1] if first.startswith("-C") else ()

    def _to_script(self) -> tuple[Sequence[str], Sequence[str]]:
        """What is passed to a script: its classes and options, and everything after `--`."""
        script = self.scenario.script
        if script is None:
            return (), ()
        given = {
            "spawn-rate": [f"{script.options.spawn_rate:g}"] if script.options.spawn_rate else [],
            "tags": script.options.tags or [],
            "exclude-tags": script.options.exclude_tags or [],
            "environment": [script.environment] if script.environment else [],
            **{name: [value] for name, value in script.engine_options.items()},
        }
        hidden = Redaction(self.scenario.secrets).hidden
        options = [f"--{name}={hidden(value)}" for name, values in given.items() for value in values]
        return [*script.classes, *options], _apart(self._shown())[1]

    def _load(self) -> Sequence[str]:
        """The options that make the load of a URL or a script."""
        if not self.scenario.load_on_command_line:
            return ()
        load = self.scenario.load
        users = ("--users", f"{load.peak:.0f}")
        level = users if load.model == "closed" else ("--rate", write_rate(load.peak))
        return (*level, "--duration", write_duration(round(load.duration_s)))


def _moved(page: str, url: str) -> str:
    """The same page of another system."""
    system = urlsplit(url)
    return urlsplit(page)._replace(scheme=system.scheme, netloc=system.netloc).geturl()


def _apart(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is for loadctl, and what is for a script, from `--` on."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:end]), list(argv[end:])


def _by_option(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each word, with the option that it names or is the value of; all of those that are known here take a value."""
    before = None
    for word in argv:
        yield word, before or next((name for name in _WITH_VALUE if _names(word, name)), None)
        before = word if before is None and word in _WITH_VALUE else None


def _names(word: str, option: str) -> bool:
    if option.startswith("--"):
        return word == option or word.startswith(f"{option}=")
    return word.startswith(option) and not word.startswith("--")
