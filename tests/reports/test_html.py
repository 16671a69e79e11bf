"""The HTML report as text: whole, self-contained, and harmless whatever the names in it hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.errors import UsageError
from loadctl.reports.html.page import assets, page
from loadctl.reports.html.panels import panels
from loadctl.reports.html.svg_chart import BOTTOM, HEIGHT, RIGHT, WIDTH, svg_chart
from loadctl.reports.html.tables import tiles
from loadctl.results.charts import Charts
from loadctl.results.findings import FindingId
from loadctl.results.histogram import Histogram
from loadctl.results.recording import Event, Example, Reading
from loadctl.results.result import FrequentMessage, LogUse, Resources, ResourceUse, Window
from loadctl.results.series import Series
from loadctl.results.summary import StageSummary
from loadctl.results.verdict import Finding, Score, Status
from loadctl.scenario.target import Scope
from tests.e2e.pages import good
from tests.records import replace
from tests.reports.drawn import EVENTS, PROVENANCE, drawn, recorded
from tests.reports.sample import FAILED, INCONCLUSIVE
from tests.results.recorded import recording

VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})
HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload='alert(3)' {{ 7*7 }}"
    " {% x %} \x1b[31mred\x1b[0m \x00\x07 \u202eright-to-left\u2066 שלום <!-- ]]> &lt; \ud800"
)


@pytest.fixture(autouse=True)
def _uplot() -> None:
    try:
        assets()
    except UsageError as error:
        pytest.skip(f"{error}: {error.hint}")


class Tree(HTMLParser):
    """Tags in order, text outside of scripts and styles, and whether all that was opened was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.stack: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in self.raw:
            self.raw[self.stack[-1]].append(data)
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def charts() -> Charts:
    return drawn()


def shape(html: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in Tree(html).tags]


def data_of(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Tree(html).raw["script"][0])
    return found


def test_the_verdict_and_why_come_first(charts: Charts) -> None:
    words = Tree(page(FAILED, charts, PROVENANCE)).words
    order = [
        "FAIL",
        "2 of 6 targets are beyond their critical limit",
        "The one Python worker",
        "More workers",
        "Distance to the limits",
    ]
    places = [words.index(text, words.index("To the verdict")) for text in order]
    assert places == sorted(places)


def test_every_target_stands_with_its_distance_to_the_limits(charts: Charts) -> None:
    words = Tree(page(FAILED, charts, PROVENANCE)).words
    assert "latency p50 61.2 ms 1.22 × the limit 10 ms 50 ms FAIL" in words
    assert "latency p99 480 ms 4 % below critical 100 ms 500 ms WARN" in words
    assert "error rate 0.03 % 70 % below 0.1 % 1 % PASS 11 of 34,512" in words
    assert "not exercised: 50 users thinking 0.6 s offer 83/s" in words


def test_what_is_void_is_never_green(charts: Charts) -> None:
    html = page(INCONCLUSIVE, charts, PROVENANCE)
    assert not re.search(r'<tr class="(pass|warn|fail)"|<li class="(pass|warn|fail)"', html)
    tiles = re.findall(r'<li class="(.*?)">.*?class="figure">(.*?)</span>(.*?)</li>', html)
    assert [figure for _, figure, _ in tiles] == ["(312 ms)", "(71.9/s)", "(0.03 %)", "(26 %)", "(0.71 GB)"]
    assert all("void" in kind and "not judged: the generator was saturated" in why for kind, _, why in tiles)


def test_a_figure_of_too_few_requests_is_doubtful_where_its_target_says_so(charts: Charts) -> None:
    few = [replace(s, status=Status.NO_DATA, reason="needs 100 requests, has 63") for s in FAILED.scores[3:4]]
    html = page(replace(FAILED, scores=few), charts, PROVENANCE)
    assert '<span class="figure">(0.03 %)</span><span class="detail reason">not judged: needs 100' in html
    assert '<span class="figure">312 ms</span><span class="detail">p50' in html


def test_a_figure_without_a_target_is_as_doubtful_as_those_with_one() -> None:
    def void(*scores: Score) -> dict[str, str]:
        return {tile.name: tile.void for tile in tiles(replace(FAILED, scores=scores)) if tile.void}

    p50, _, p99, errors, *_ = FAILED.scores
    late = replace(p50, void="the generator was late")
    assert void(p50, errors) == {}
    assert void(late, errors) == {"Latency p95": "the generator was late"}
    assert void(late, replace(p99, void="the generator was late")).keys() == {
        *("Latency p95", "Throughput", "Errors", "System CPU", "System memory")
    }
    assert void() == {}


def test_p90_of_each_endpoint_and_of_all_lies_between_p50_and_p95() -> None:
    table = good().partition('<section id="endpoints">')[2].partition("</table>")[0]
    rows = [re.findall(r'<td class="n" data-v="(.*?)"', row) for row in table.split("<tr>")[2:]]
    assert len(rows) == 5
    for _, _, p50, p90, p95, *_ in rows:
        assert 0 < float(p50) < float(p90) < float(p95)


def test_names_of_limits_stand_beside_the_curves_and_not_on_each_other(charts: Charts) -> None:
    latency = next(panel for panel in panels(FAILED, charts) if panel.key == "latency")
    picture = svg_chart(latency, 1, [])
    labels = re.findall(
        r'<text class="tick (?:critical|target)" font-size="10" x="(.*?)" y="(.*?)">(.*?)<', picture
    )
    assert {name for _, _, name in labels} == {
        f"p{q} {kind}" for q in (50, 95, 99) for kind in ("target", "critical")
    }
    assert {float(x) for x, _, _ in labels} == {WIDTH - RIGHT + 4}
    places = sorted(float(y) for _, y, _ in labels)
    assert all(below - above >= 12 for above, below in pairwise(places))
    assert places[-1] <= HEIGHT - BOTTOM + 3


def test_all_classes_are_in_the_chart_however_many_they_are(charts: Charts) -> None:
    rates = {f"status_{500 + k}": [float(k), 1.0, None] for k in range(12)}
    (panel,) = [
        panel for panel in panels(FAILED, replace(charts, errors_per_s=rates)) if panel.key == "errors"
    ]
    assert [line.label for line in panel.lines][-1] == "7 more classes"
    assert [sum(values) for values in zip(*(line.values[:2] for line in panel.lines), strict=True)] == [
        66,
        12,
    ]
    assert {line.values[2] for line in panel.lines} == {None}


def test_the_slowest_endpoints_are_drawn_beside_each_other(charts: Charts) -> None:
    made = drawn(recorded(60, tuple(f"GET /{k}" for k in range(9))), Window(0, 60))
    (panel,) = [panel for panel in panels(FAILED, made) if panel.key == "endpoints"]
    assert [line.label for line in panel.lines] == [f"GET /{k}" for k in (8, 7, 6, 5, 4, 3)]
    assert panel.note == "the slowest 6 of 9"
    assert panel.lines[0].values == made.endpoint_latency_ms["GET /8"]["p95"]
    many = drawn(recorded(60, tuple(f"GET /{k}" for k in range(40))), Window(0, 60))
    (panel,) = [panel for panel in panels(FAILED, many) if panel.key == "endpoints"]
    assert (panel.lines[0].label, panel.note) == ("GET /39", "the slowest 6 of 40")  # frequent or not
    alone = drawn(recorded(60, ("GET /",)), Window(0, 60))
    assert "endpoints" not in {panel.key for panel in panels(FAILED, alone)}


def test_it_is_whole_and_needs_nothing_else(charts: Charts) -> None:
    html = page(FAILED, charts, PROVENANCE)
    tree = Tree(html)
    assert tree.stack == []
    assert not [tag for tag, _ in tree.tags if tag in {"link", "img", "iframe", "object", "base", "form"}]
    assert not [
        a for _, a in tree.tags for name in a if name in {"src", "srcset", "style"} or name.startswith("on")
    ]
    assert {(a.get("href") or "#")[0] for tag, a in tree.tags if tag == "a"} == {"#"}
    ids = [attributes["id"] for _, attributes in tree.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for tag, a in tree.tags if tag == "a"} <= set(ids)


def test_its_policy_allows_only_its_own_scripts_and_styles(charts: Charts) -> None:
    tree = Tree(page(FAILED, charts, PROVENANCE))
    policy = next(a["content"] for tag, a in tree.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    code = [*tree.raw["script"][1:], *tree.raw["style"]]  # the first script is data
    assert {base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in code} == allowed


def test_the_licence_of_the_chart_library_goes_with_it(charts: Charts) -> None:
    html = page(FAILED, charts, PROVENANCE)
    assert "uPlot (v1.6.32)" in html
    assert "Permission is hereby granted, free of charge" in html


def test_the_charts_have_one_axis_and_hold_what_was_recorded(charts: Charts) -> None:
    data = data_of(page(replace(FAILED, events=EVENTS), charts, PROVENANCE))
    assert (data["bin_s"], data["bins"]) == (1, 600)
    panels = {panel["key"]: panel for panel in data["panels"]}
    assert set(panels) == {
        *(
            "load",
            "throughput",
            "errors",
            "latency",
            "endpoints",
            "cpu",
            "memory",
            "generator",
            "lag",
            "logs",
        ),
        "more-0",
    }
    assert all(len(line["values"]) == 600 for panel in panels.values() for line in panel["lines"])
    assert panels["throughput"]["lines"][0]["values"][:2] == [50, 50]
    assert [limit[:2] for limit in panels["latency"]["limits"]][:2] == [
        ["p50 critical", 50],
        ["p50 target", 10],
    ]
    assert panels["cpu"]["lines"][0]["values"][210] is None  # it was not watched then
    assert [span[3] for span in data["spans"]] == [False, True, False]
    assert data["marks"] == [[1, 260, "service restarted: uvicorn was started again"]]


def test_every_chart_is_a_picture_too(charts: Charts) -> None:
    """For paper, and for where no script may run."""
    html = page(FAILED, charts, PROVENANCE)
    for key in ("load", "throughput", "errors", "latency", "endpoints", "cpu", "memory", "logs", "heat"):
        panel = re.search(rf'id="panel-{key}".*?</figure>', html, re.DOTALL)
        assert panel is not None
        assert "<svg" in panel[0]
        assert ' d="M' in panel[0]


def test_a_run_of_which_nothing_was_recorded_says_so() -> None:
    nothing = drawn(recording([]), Window(0, 0))
    bare = replace(FAILED, timeline=(), scores=(), findings=(), examples=(), stages=())
    words = Tree(page(bare, nothing, replace(PROVENANCE, command=(), scenario=""))).words
    assert "Nothing was recorded." in words
    assert "No request succeeded in the scored part." in words


def hostile(text: str) -> str:
    """A page with `text` in every place that holds text from outside."""
    row = replace(FAILED.summary.endpoints[0], endpoint=text, errors={text: 3, "timeout": 1})
    use = ResourceUse(watched=text, cpu_pct=5.0, memory_kind=text, absent={text: text}, extra={text: 1.0})
    score = FAILED.scores[0]
    result = replace(
        FAILED,
        scenario=text,
        goal=text,
        source=text,
        host=text,
        engine=replace(FAILED.engine, version=text),
        reasons=(text,),
        why=text,
        advice=(text,),
        run_dir=text,
        stages=(StageSummary(text, 0, 120, False, 5, FAILED.summary),),
        summary=replace(FAILED.summary, endpoints=(row,)),
        scores=(replace(score, scope=Scope("endpoint", text), detail=text), replace(score, void=text)),
        findings=(Finding(cast("FindingId", text), "critical", text, {text: text}, (text,)),),
        examples=(Example(1.0, text, "timeout", 500, text, text),),
        events=(Event(5.0, text, text, {}),),
        resources=Resources(
            generator=FAILED.resources.generator,
            system=use,
            companions=(use,),
            series=(Series(subject=text, source=text, name=text, n=1, lowest=1, highest=1, mean=1, last=1),),
            logs=LogUse(
                followed=text,
                lines=1,
                errors=1,
                unread=text,
                frequent=(FrequentMessage(message=text, count=1, first_s=0, last_s=1, level=text, log=text),),
            ),
        ),
    )
    made = recorded(30, (text,))
    watched = [
        Reading(2.0, "companion", text, text, {text: 1.0}),
        Reading(2.0, "system", "logs", text, {"log_errors": 1.0}),
    ]
    charts = drawn(replace(made, readings=[*made.readings, *watched]), Window(0, 30))
    charts = replace(charts, distributions={text: Histogram.of([1000] * 30)})
    facts = ((text, text),)
    provenance = replace(PROVENANCE, run_id=text, command=(text,), scenario=f"{text}\n  {text}", facts=facts)
    return page(result, charts, provenance)


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1, max_size=200) | st.just(HOSTILE) | st.just("x" * 10_000))
def test_hostile_text_stays_text(text: str) -> None:
    """The page has the same tags and attributes as with a plain word, and its data is still JSON."""
    html = hostile(text)
    html.encode()
    assert shape(html) == shape(hostile("word"))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert Tree(html).stack == []
    assert data_of(html)["panels"]


def test_long_texts_are_cut() -> None:
    assert len(hostile("x" * 10_000)) < len(hostile("word")) + 200_000


def test_a_finding_brings_what_it_means_along(charts: Charts) -> None:
    known = Finding("stopped-early", "critical", "too many errors")
    stranger = Finding(cast("FindingId", "of-a-later-version"), "info", "something new", {"n": 1})
    html = page(replace(FAILED, findings=(known, stranger)), charts, PROVENANCE)
    words = Tree(html).words
    assert "What it means stopped-early" in words
    assert "more than 90 % errors for 30 s end it" in words
    assert "<code>stop_when: never</code> carries out the whole plan" in html
    assert words.count("What it means") == 1
    assert "Evidence of-a-later-version" in words


def test_the_engine_s_name_is_explained(charts: Charts) -> None:
    html = page(
        replace(FAILED, engine=replace(FAILED.engine, users="<b>own</b> clients")), charts, PROVENANCE
    )
    assert "locust 2.47.0: &lt;b&gt;own&lt;/b&gt; clients</dd>" in html
    assert "locust 2.47.0, engine x</dd>" in page(
        replace(FAILED, engine=replace(FAILED.engine, extension="engine x")), charts, PROVENANCE
    )
