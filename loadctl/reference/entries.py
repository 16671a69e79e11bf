"""All entries, and the way from a word of another tool to ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadctl.errors import ExitCode
from loadctl.reference.entry import Entry, named
from loadctl.reference.examples import example_of
from loadctl.reference.keys import TYPES, keys
from loadctl.results.findings import FINDINGS
from loadctl.results.result import Result, schema
from loadctl.results.summary import FAILURES
from loadctl.results.verdict import Status, Verdict
from loadctl.results.wire.record import parts_of
from loadctl.scenario.reading.json_schema import docstrings_of
from loadctl.scenario.reading.words import foreign
from loadctl.scenario.target import METRICS, PERCENTILES, STOP_METRICS, Metric, enough_samples
from loadctl.scenario.template import GIVEN, HELPERS, OTHER_TOOLS
from loadctl.scenario.units import format_count


def entries() -> Iterator[Entry]:
    yield from keys()
    yield from _metrics()
    yield from _helpers()
    yield from _findings()
    yield from _failures()
    yield from _verdicts()
    yield from _exit_codes()
    yield from _result_keys()


def instead_of(word: str, known: Sequence[Entry]) -> tuple[list[str], list[Entry]]:
    """What loadctl says for a word of another tool: sentences, and the entries of our words."""
    sentences: list[str] = []
    found: list[Entry] = []
    meanings = [*foreign(word)]
    if helper := OTHER_TOOLS.get(word.lower().removesuffix("()").replace("_", "")):
        meanings.append(("templates", helper))
    for kind, ours in meanings:
        meant = [one for one in named(ours, known) if kind in one.place]
        sentence = f"{word} is called {ours} here." if meant else f"{word} in {kind}: {ours}."
        sentences += [sentence] if sentence not in sentences else []
        found += [one for one in meant if one not in found]
    return sentences, found


_UNITS: Mapping[str, str] = {
    "ms": "a time, such as 200ms",
    "s": "a time, such as 30s",
    "/s": "a rate, such as 500/s",
    "%": "a share, such as 1%",
    "bytes": "a size, such as 512MB or 1GiB",
    "users": "a level of the load: 600 users, or 300/s",
    "": "a number",
}


def _metrics() -> Iterator[Entry]:
    for metric in METRICS.values():
        yield Entry(
            kind="metric",
            word=metric.name,
            place="metric that targets can limit",
            text=" ".join([metric.help, *_facts(metric)]),
            type=_UNITS[metric.unit],
            example=example_of(metric),
            see=("targets", *(("stop_when",) if metric.name in STOP_METRICS else ())),
        )


def _facts(metric: Metric) -> Iterator[str]:
    yield "More is better." if metric.higher_is_better else "Less is better."
    family, _, figure = metric.name.rpartition("_")
    if family and figure in PERCENTILES and "Needs" not in metric.help:
        yield f"Needs {format_count(enough_samples(PERCENTILES[figure]))} values."
    if metric.name == "error_rate":
        yield "A limit of 1% needs 100 requests to be met, one of 0.1% 1,000; any number can break it."
    others = {"endpoint": "one endpoint (endpoints)", "stage": "one stage (stages)"}
    scopes = [words for scope, words in others.items() if scope in metric.scopes]
    yield (
        " or ".join([f"Of the whole run{', ' * (len(scopes) > 1)}{', '.join(scopes[:-1])}", *scopes[-1:]])
        + "."
    )


def _helpers() -> Iterator[Entry]:
    for name, helper in {**HELPERS, **GIVEN}.items():
        called = name in HELPERS
        yield Entry(
            kind="helper",
            word=name,
            place="helper of templates" if called else "variable of templates",
            text=helper.help,
            type=f"{name}({', '.join(helper.arguments)})" if called else None,
            example=f"{{{{ {helper.example} }}}}",
            see=("data",) if name == "row" else (),
        )


def _findings() -> Iterator[Entry]:
    for word, meant in FINDINGS.items():
        yield Entry(
            kind="finding",
            word=word,
            place=meant.title,
            text=meant.text if meant.advice is None else f"{meant.text}\n{meant.advice}",
        )


def _failures() -> Iterator[Entry]:
    for word, text in FAILURES.items():
        see = {"check_failed": ("check", "capture"), "generator": ("generator-faults",)}.get(word, ())
        yield Entry(kind="failure", word=word, place="class of failures", text=text, see=see)


def _verdicts() -> Iterator[Entry]:
    for verdict in Verdict:
        yield Entry(
            kind="verdict",
            word=verdict,
            place="verdict of a run",
            text=docstrings_of(Verdict)[verdict.name],
        )
    for status in Status:
        yield Entry(
            kind="verdict",
            word=status,
            place="status of one target",
            text=docstrings_of(Status)[status.name],
        )


def _exit_codes() -> Iterator[Entry]:
    for code in ExitCode:
        yield Entry(
            kind="exit code",
            word=str(int(code)),
            place=f"exit code {code.name}",
            text=docstrings_of(ExitCode)[code.name],
        )


def _result_keys() -> Iterator[Entry]:
    published: Any = schema()
    first, *others = parts_of(Result)
    order = list(first.texts)
    for part in [first, *sorted(others, key=lambda one: order.index(re.split(r"\W", one.path)[0]))]:
        form = published["$defs"].get(part.record.__name__, published)
        where = f"`{part.path}` in result.json" if part.path else "result.json"
        for word, text in part.texts.items():
            yield Entry(
                kind="result key",
                word=word,
                place=f"key of {where}",
                text=text,
                type=_in_json(form["properties"][word], published["$defs"]),
            )


def _in_json(form: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    """What a value may be, from its JSON Schema."""
    if "$ref" in form:
        form = defined[form["$ref"].rpartition("/")[2]]
    if "enum" in form:
        return ", ".join(map(str, form["enum"]))
    if items := form.get("items"):
        return f"a list of {_in_json(items, defined).removeprefix('a ')}s"
    alternatives = form.get("anyOf")
    return (
        " or ".join(_in_json(one, defined) for one in alternatives) if alternatives else TYPES[form["type"]]
    )
