"""Markdown for pull requests and job summaries, as a renderer of that dialect understands it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from loadctl.reports.ci.markdown import cell, code, markdown, prose
from loadctl.reports.printable import printable
from loadctl.results.findings import FindingId
from loadctl.results.verdict import Finding
from tests.records import replace
from tests.reports.hostile import TEXTS, full_of, given_texts
from tests.reports.sample import FAILED, INCONCLUSIVE

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = {"<details><summary>Endpoints</summary>", "</details>"}


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def rendered(text: str) -> str:
    """The words of one line of Markdown, as a reader sees them; it must be nothing but words."""
    (paragraph,) = [token for token in PARSER.parse(text) if token.type == "inline"]
    parts = paragraph.children or []
    assert {part.type for part in parts} <= {"text", "code_inline"}, text
    return "".join(part.content for part in parts).replace("\u200b", "")


def test_the_verdict_is_first_then_why_and_what_to_do_then_the_targets() -> None:
    lines = markdown(FAILED).splitlines()
    assert lines[0] == "### ❌ FAIL: `baseline`"
    assert lines[2].startswith("- 2 of 6 targets are beyond")
    assert lines[3].startswith("- Why: The one Python worker")
    assert lines[4] == "- Do: `More workers (uvicorn --workers 4), then: loadctl run baseline`"
    assert "| `latency p50` | 61.2 ms | 10 ms | 50 ms | ❌ FAIL | 1\\.22 × the limit |" in lines
    assert "| `error rate` | 0.03 % | 0.1 % | 1 % | ✅ PASS | 11 of 34,512 |" in lines
    assert (
        "| `throughput` | 71.9/s | 1000/s | 500/s | – | not exercised: 50 users thinking 0.6 s offer 83/s |"
        in lines
    )
    assert "| `POST /predict` | 26,547 | 55.3 | 78.4 ms | 331 ms | 497 ms | 11 |" in lines


def test_it_renders_as_a_heading_two_tables_and_two_folds() -> None:
    found = [token.type for token in tokens(markdown(FAILED))]
    assert found.count("heading_open") == 1
    assert found.count("table_open") == 2
    html = [token.content.strip() for token in tokens(markdown(FAILED)) if token.type == "html_block"]
    assert (
        html == ["<details><summary>1 finding</summary>", "</details>", *sorted(OUR_HTML, reverse=True)][:4]
    )
    assert found.count("tr_open") == 2 + len(FAILED.scores) + len(FAILED.summary.endpoints) + 1


def test_what_proves_nothing_is_in_brackets_and_never_green() -> None:
    shown = markdown(INCONCLUSIVE)
    assert "| `latency p50` | (61.2 ms) | 10 ms | 50 ms | not judged | the generator was saturated |" in shown
    assert "( ) = includes the load generator's own delay" in shown
    assert "| `POST /predict` | 26,547 | 55.3 | (78.4 ms) |" in shown
    assert "✅" not in shown


def test_a_run_without_requests_has_no_table_of_endpoints() -> None:
    empty = replace(FAILED.summary.total, completed=0)
    shown = markdown(replace(FAILED, summary=replace(FAILED.summary, total=empty, endpoints=[])))
    assert "Endpoints" not in shown


def test_it_stays_far_below_what_a_job_summary_may_hold() -> None:
    worst = "<" * 5000
    many = Finding(cast("FindingId", "x" * 500), "critical", worst, {}, (worst,) * 100)
    endpoint = replace(FAILED.summary.endpoints[0], endpoint=worst)
    huge = replace(
        FAILED,
        reasons=(worst,) * 1000,
        findings=(many,) * 1000,
        scores=tuple(FAILED.scores) * 300,
        summary=replace(FAILED.summary, endpoints=(endpoint,) * 1000),
    )
    shown = markdown(huge)
    assert len(shown.encode()) < 1 << 20
    assert "- … and 992 more" in shown
    assert "… and 950 more" in shown


@given_texts
def test_a_sentence_is_only_words_and_says_what_it_said(text: str) -> None:
    expected = printable(text, 300)
    for around in ("{}", "- {}", "- Why: {}"):
        shown = around.format(prose(text))
        assert rendered(shown) == around.removeprefix("- ").format(expected or "–")


@given_texts
def test_code_is_copied_as_it_was_written(text: str) -> None:
    assert rendered(f"- {code(text)}") == (printable(text, 300) or "–")


@given_texts
def test_a_cell_stays_one_cell(text: str) -> None:
    shown = f"| a | b |\n|---|---|\n| {cell(text)} | {prose(text, 200)} |\n"
    first, second = [token for token in tokens(shown) if token.type == "inline"][2:]
    assert [part.content for part in first.children or []] == [
        (printable(text, 120) or "–").replace("\\|", "＼|")
    ]
    words = "".join(part.content for part in second.children or []).replace("\u200b", "")
    assert words == (printable(text, 200) or "–")


@given(TEXTS, st.booleans())
def test_hostile_text_makes_no_markup(text: str, failed: bool) -> None:
    result = full_of(text, FAILED if failed else INCONCLUSIVE)
    found = list(tokens(markdown(result)))
    types = {token.type for token in found}
    assert not types & {
        "link_open",
        "image",
        "html_inline",
        "em_open",
        "s_open",
        "hr",
        "blockquote_open",
        "fence",
    }
    html = [token.content.strip() for token in found if token.type == "html_block"]
    assert len(html) == 4
    assert set(html) - OUR_HTML == {"<details><summary>2 findings</summary>"}
    assert [token.type for token in found].count("heading_open") == 1
    assert [token.type for token in found].count("table_open") == 2
    assert [token.type for token in found].count("tr_open") == 2 + len(result.scores) + 2
    words = [token.content for token in found if token.type == "text"]
    assert not any(sign in word for word in words for sign in ("@everyone", "#1"))


def test_the_engine_s_name_is_explained() -> None:
    shown = markdown(replace(FAILED, engine=replace(FAILED.engine, users="the script's own users @all")))
    assert "`locust 2.47.0` (the script's own users @\u200ball), `http" in shown
    assert "`locust 2.47.0, engine x`, `http" in markdown(
        replace(FAILED, engine=replace(FAILED.engine, extension="engine x"))
    )
