"""Parts of the command line that a run was started with, for commands that shall do the same again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SPELLINGS = {
    "--users": ("--users", "-u"),
    "--rate": ("--rate",),
    "--duration": ("--duration", "--run-time", "-t"),
}
SCALES = tuple(spelling for spellings in SPELLINGS.values() for spelling in spellings)
FILES = ("--html", "--markdown", "--junit")
_PLACES = ("--host", "-H")


def place(argv: Sequence[str]) -> list[str]:
    """Where the load went, if not where the scenario says: `--demo`, or `-H` with its URL."""
    if "--demo" in argv:
        return ["--demo"]
    return [word for word, option in _by_option(argv) if option in _PLACES]


def without(argv: Sequence[str], options: Sequence[str]) -> list[str]:
    """Of SCALES and FILES."""
    return [word for word, option in _by_option(argv) if option not in options]


def apart(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is for loadctl, and what is for a script, from `--` on."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:end]), list(argv[end:])


def _by_option(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each word, with the option that it names or is the value of; all of those that are known here take a value."""
    names = (*SCALES, *_PLACES, *FILES)
    before = None
    for word in argv:
        yield word, before or next((name for name in names if _names(word, name)), None)
        before = word if before is None and word in names else None


def _names(word: str, option: str) -> bool:
    if option.startswith("--"):
        return word == option or word.startswith(f"{option}=")
    return word.startswith(option) and not word.startswith("--")
