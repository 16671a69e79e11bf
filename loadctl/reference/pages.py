"""The entries as pages of Markdown, by file name: what stands in docs/reference/."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from loadctl.reference.entry import Entry, Kind


@dataclass(frozen=True, slots=True)
class _Page:
    """`lead`: what stands below its title."""

    file: str
    title: str
    kinds: Sequence[Kind]
    lead: str


_PAGES = (
    _Page(
        "keys.md",
        "Keys of scenarios",
        ("key",),
        """Every key of a scenario, of users.yaml and of targets.yaml, by the mapping that it stands in. A value has
its unit: `30s`, `200ms`, `300/s`, `1%`, `512MB`. `${NAME}` in a value is filled in from the environment.
Editors offer the same keys with the form that `loadctl schema scenario` prints.""",
    ),
    _Page(
        "metrics.md",
        "Metrics",
        ("metric",),
        """What a target can limit: in `targets:` of a scenario, in targets.yaml, or with `--target`. A single limit
fails the run. Two limits, `{target: …, critical: …}`, warn beyond the first and fail beyond the second.""",
    ),
    _Page(
        "templates.md",
        "Templates",
        ("helper",),
        """What may stand in `{{ }}`, beside the names that requests capture. A value that is one whole `{{ }}`
keeps its type; elsewhere it becomes text. Random values are fixed by `seed:`.""",
    ),
    _Page(
        "findings.md",
        "Findings",
        ("finding",),
        """What loadctl may notice in a run. The message on the screen says what happened; here is what it means and
what to do. `invalid` is about the measurement and makes scores void: they do not count. `critical` fails the
run. `warning`, `info` and `good` leave the verdict as it is, unless the text says otherwise.""",
    ),
    _Page(
        "failures.md",
        "Failures",
        ("failure",),
        """The classes under which failed requests are counted, under ERRORS on the screen and in `errors` of
result.json. They are the same on both engines.""",
    ),
    _Page(
        "verdicts.md",
        "Verdicts and exit codes",
        ("verdict", "exit code"),
        """The one word that a run ends with, the status of each target, and the exit code of the program.""",
    ),
    _Page(
        "result.md",
        "result.json",
        ("result key",),
        """Every key of result.json, by the mapping that it stands in. `loadctl run --json` and `loadctl report
--json` print the same. `loadctl schema` prints its JSON Schema. Keys are added in later versions, and
never renamed. A key that has no value is null, with the reason in `absent`, in `reason` or in its
description; some keys are left out instead.""",
    ),
    _Page(
        "command-line.md",
        "Command line",
        ("command", "option"),
        """Every command and every option. `loadctl COMMAND --help` says the same. The exit codes stand in [Verdicts
and exit codes](verdicts.md#exit-codes).""",
    ),
)
_COLUMNS: Mapping[Kind, tuple[str, str]] = {"result key": ("key", "value"), "option": ("option", "of")}
"""Of those that stand in tables."""
_PLURAL = {"status": "Statuses"}
_SPECIAL = re.compile(r"([*_\[\]<>])")


def pages(entries: Iterable[Entry]) -> Mapping[str, str]:
    known = list(entries)
    file_of = {kind: page.file for page in _PAGES for kind in page.kinds}
    links = {entry.word: f"{file_of[entry.kind]}#{_anchor(entry.word)}" for entry in reversed(known)}
    return {page.file: _text(page, known, links) for page in _PAGES}


def _text(page: _Page, entries: Sequence[Entry], links: Mapping[str, str]) -> str:
    blocks = [f"# {page.title}", page.lead]
    for heading, found in groupby((one for one in entries if one.kind in page.kinds), key=_section):
        blocks += [f"## {_prose(heading)}"] if heading else []
        shown = list(found)
        if shown[0].kind in _COLUMNS:
            blocks.append(_table(shown))
        else:
            blocks += [block for entry in shown for block in _entry(entry, links, page.file)]
    return "\n\n".join(blocks) + "\n"


def _section(entry: Entry) -> str:
    """The heading under which it stands; empty where a page needs none."""
    if entry.kind in {"finding", "failure", "metric", "command"}:
        return ""
    if entry.kind in {"exit code", "option"}:
        return f"{entry.kind.capitalize()}s"
    if entry.kind == "result key":
        return entry.place.removeprefix("key of ").removesuffix(" in result.json")
    noun, rest = entry.place.split(" ", 1)
    return f"{_PLURAL.get(noun, f'{noun.capitalize()}s')} {rest}"


def _table(entries: Sequence[Entry]) -> str:
    kind = entries[0].kind
    first, second = _COLUMNS[kind]
    rows = [(f"`{one.word}`", one.type or "", one.text) for one in entries]
    if kind == "option":
        rows = [
            (f"`{one.type}`", one.place.removeprefix("option of "), _with_default(one)) for one in entries
        ]
    lines = [
        f"| {name.replace('|', ' or ')} | {_prose(what)} | {_prose(text)} |" for name, what, text in rows
    ]
    return "\n".join([f"| {first} | {second} | |", "|---|---|---|", *lines])


def _with_default(entry: Entry) -> str:
    return entry.text if entry.default is None else f"{entry.text} Default: `{entry.default}`."


def _entry(entry: Entry, links: Mapping[str, str], file: str) -> Iterator[str]:
    yield f"### `{entry.word}`"
    if entry.kind in {"finding", "exit code"}:
        yield f"**{_prose(entry.place[:1].upper() + entry.place[1:])}.**"
    yield from map(_prose, entry.text.splitlines())
    see = ", ".join(f"[`{word}`]({links[word].removeprefix(file)})" for word in entry.see)
    kind = {"helper": "Call", "command": "Usage"}.get(entry.kind, "Takes")
    takes = f"`{entry.type}`" if entry.type and kind != "Takes" else _prose(entry.type or "")
    facts = [(kind, takes), ("Default", _prose(entry.default or "")), ("See", see)]
    shown = [f"- {name}: {value}" for name, value in facts if value]
    if shown:
        yield "\n".join(shown)
    if entry.example:
        yield f"```yaml\n{entry.example}\n```"


def _prose(text: str) -> str:
    """Text as Markdown: what stands between backticks is code, and nothing else has a meaning."""
    parts = re.split("(`[^`]+`)", text)
    return "".join(part if index % 2 else _SPECIAL.sub(r"\\\1", part) for index, part in enumerate(parts))


def _anchor(word: str) -> str:
    """Of a heading, as GitHub and Python-Markdown make them."""
    return re.sub(r"[^\w-]", "", word.lower())
