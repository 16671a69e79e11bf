"""The final screen: verdict, one reason, one thing to do, then the tables. Record → str; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from loadctl.reports import scores
from loadctl.reports.printable import cut_in_the_middle, hanging, hanging_with_commands, printable, shortened
from loadctl.reports.terminal.facts import facts
from loadctl.results.result import Result
from loadctl.results.summary import EndpointSummary, Latency
from loadctl.results.verdict import Score, Verdict
from loadctl.scenario.target import parts_of_versus
from loadctl.scenario.units import format_count, format_rate

_COLOURS = {
    "PASS": "32",
    "WARN": "33",
    "FAIL": "31",
    "INCONCLUSIVE": "35",
    "ERROR": "31",
    "INTERRUPTED": "35",
}
_MIN_WIDTH = 60
_REMARK_INDENT = 19
_MOST_ROWS = 20
_PERCENTILES = ("p50", "p95", "p99")


def render(result: Result, *, width: int = 80, colour: bool = False) -> str:
    """The whole screen, at least 60 columns wide."""
    width = max(width, _MIN_WIDTH)
    tables = [
        list(_targets(result, width, colour)),
        list(_endpoints(result, width)),
        list(facts(result, width)),
    ]
    if result.verdict is Verdict.ERROR and not result.counters.started:
        tables = []  # tables of nothing
    head, story = [headline(result, colour=colour)], list(_story(result, width))
    blocks = [head, story, *tables, list(_closing(result, width))]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def headline(result: Result, *, colour: bool = False) -> str:
    """Verdict, scenario, load, duration, engine, host: the one line of `-q`."""
    facts = filter(None, [*scores.load_in_brief(result), result.engine.name, printable(result.host, 120)])
    words = scores.verdict_words(result).replace(result.verdict, _paint(result.verdict, colour), 1)
    return f"{words}  {printable(result.scenario, 60)}  {', '.join(facts)}"


def _paint(word: str, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[word]}m{word}\x1b[0m" if colour and word in _COLOURS else word


def _story(result: Result, width: int) -> Iterator[str]:
    for reason in result.reasons:
        yield from hanging("", printable(reason), width)
    if result.why:
        yield from hanging("Why   ", printable(result.why), width)
    head = "Do    "
    for advice in result.advice:
        yield from hanging_with_commands(head, printable(advice), width)
        head = "      "


def _targets(result: Result, width: int, colour: bool) -> Iterator[str]:
    if not result.scores:
        return
    yield f"{'TARGETS':<17}{'measured':>10}{'target':>11}{'critical':>11}"
    groups: dict[str, list[Score]] = {"": []}
    for score in result.scores:
        groups.setdefault(_group(score), []).append(score)
    for head, rows in groups.items():
        if head:
            yield f"  {printable(head, width - 4)}"
        for score in rows:
            yield from _target_line(score, result, width, colour)
    if note := scores.doubt(result):
        yield f"  {note}"


def _group(score: Score) -> str:
    """Under which heading of the table; the whole run and monitored series need none."""
    scope = score.target.scope
    return {"endpoint": scope.name, "stage": f"stage {scope.name}"}.get(scope.kind, "")


def _target_line(score: Score, result: Result, width: int, colour: bool) -> Iterator[str]:
    word = f"{scores.status_word(score):<4}"
    label = shortened(printable(_label(score.target.metric)), 15)
    value = scores.measured(score, as_written=bool(result.files))
    start = f"  {label:<15}{value:>10}{scores.wanted(score):>11}{scores.critical(score):>11}  "
    beside, below = _beside_or_below(scores.remark(score), len(start), len(word) + 2, width)
    yield f"{start}{_paint(word.rstrip(), colour)}{' ' * (len(word) - len(word.rstrip()))}  {beside}".rstrip()
    yield from below


def _label(metric: str) -> str:
    """With a baseline there is no room for all words: `p95 vs main`."""
    if parts_of_versus(metric) is not None:
        metric = metric.removeprefix("latency_").replace("error_rate", "errors")
    return metric.replace("_", " ")


def _beside_or_below(text: str, column: int, used: int, width: int) -> tuple[str, list[str]]:
    """A remark begins after the status, `used` wide, and may go on under it; where that is not room enough, it stands
    below its target."""
    first, *others = wrap("x" * used + text, max(width - column, used + 1), break_long_words=False) or [""]
    if len(others) > 1 or len(first) > width - column:
        return "", hanging(" " * _REMARK_INDENT, text, width)
    return first[used:], [f"{'':<{column}}{other}" for other in others]


def _endpoints(result: Result, width: int) -> Iterator[str]:
    rows = [*result.summary.endpoints, result.summary.total]
    if not result.summary.total.completed and not result.summary.total.unfinished:
        return
    names = [printable(row.endpoint, 200) for row in rows]
    first_byte = scores.is_first_byte(result)
    column = 10 if scores.is_unsure(result) or first_byte else 9
    room = max(17, min(width - 26 - 3 * column, max(map(len, names)) + 4))
    heads = "".join(f"{'ttfb ' * first_byte + head:>{column}}" for head in _PERCENTILES)
    yield f"{'ENDPOINTS':<{room}}{'requests':>9}{'/s':>8}{heads}{'failed':>8}"
    *endpoints, total = rows
    shown = endpoints if len(endpoints) <= _MOST_ROWS else endpoints[: _MOST_ROWS - 1]
    for row in shown:
        yield _endpoint_line(row, result, room, column)
    if len(endpoints) > len(shown):
        yield f"  … and {len(endpoints) - len(shown)} more: loadctl report --json"
    yield _endpoint_line(total, result, room, column)
    yield from _footnotes([scores.times(row, first_byte=first_byte) for row in [*shown, total]])


def _footnotes(shown: Sequence[Latency]) -> Iterator[str]:
    whys = {one.absent[name] for one in shown for name in _PERCENTILES if name in one.absent}
    if any(why.startswith("needs") for why in whys):
        yield "  – = too few requests for a reliable figure: p95 needs 200, p99 1,000"
    for why in sorted(why for why in whys if not why.startswith("needs")):
        yield f"  – = {printable(why, 200)}"


def _endpoint_line(row: EndpointSummary, result: Result, room: int, column: int) -> str:
    def show(name: str) -> str:
        ms: float | None = getattr(found, name)
        text = scores.UNKNOWN if ms is None else scores.milliseconds(ms, as_written=bool(result.files))
        return f"({text})" if ms is not None and scores.is_unsure_of(result, row, name) else text

    rate = (
        scores.UNKNOWN
        if row.throughput_per_s is None
        else format_rate(row.throughput_per_s).removesuffix("/s")
    )
    name = cut_in_the_middle(printable(row.endpoint, 4096), room - 3)
    found = scores.times(row, first_byte=scores.is_first_byte(result))
    figures = "".join(f"{show(name):>{column}}" for name in _PERCENTILES)
    requests = format_count(row.completed + row.unfinished)
    return (
        f"  {name:<{room - 2}}{requests:>9}{rate:>8}{figures}{format_count(row.failed + row.unfinished):>8}"
    )


def _closing(result: Result, width: int) -> Iterator[str]:
    """The verdict once more: the first line may have left the terminal."""
    code = f"{result.verdict}, exit code {int(result.exit_code)}"
    run_dir = printable(result.run_dir, 4096)
    if not run_dir:
        yield code
    elif len(run_dir) + len(code) + 2 <= width:
        yield f"{run_dir}{code:>{width - len(run_dir)}}"
    else:
        yield run_dir
        yield code
