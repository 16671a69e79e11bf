"""Text that somebody would send to break a report, and results that are full of it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from loadctl.results.result import Result
from loadctl.results.verdict import Finding
from loadctl.scenario.target import Scope
from tests.records import replace
from tests.reports.sample import FAILED

PIECES = (
    *(
        "<details open",
        "</div x",
        "</details>",
        "<script>alert(1)</script>",
        "<!--",
        "-->",
        "<a href='javascript:x'>",
        "&lt;",
        "&#60;",
    ),
    *(
        "|",
        "\\|",
        "\\",
        "\\\\|",
        "`",
        "``",
        "```",
        "$x$",
        "$$",
        "~~",
        "**b**",
        "__b__",
        "_i_",
        "***",
        "![i](x)",
    ),
    *(
        "[a](http://x)",
        "[ref]: x",
        "@everyone",
        "#1",
        "# head",
        "- item",
        "+ item",
        "1. one",
        "2) two",
        "===",
        "---",
    ),
    *(
        "> quote",
        "http://x.example/?a=b",
        "\n",
        "\r\n",
        "\x1b[31m",
        "\u202e",
        "\x00",
        "\ufffe",
        "]]>",
        "<![CDATA[",
    ),
    *(
        "::error::x",
        "##[set-output name=a;]b",
        "%0A",
        "%",
        "=cmd()",
        "+1",
        "@SUM(1)",
        "\u200b",
        "ü",
        "😀",
        ",",
        '"',
    ),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8).map("".join) | st.text(
    max_size=60
)


def given_texts(test: Callable[[str], None]) -> Callable[[], None]:
    """Each piece alone, and many at random."""
    made = given(TEXTS)(test)
    for piece in PIECES:
        made = example(piece)(made)
    return made


def full_of(text: str, base: Result = FAILED) -> Result:
    """`base` with `text` wherever text may come from outside."""
    score = replace(base.scores[0], detail=text, scope=Scope("endpoint", text))
    return replace(
        base,
        scenario=text,
        host=text,
        run_dir=text,
        engine=replace(base.engine, version=text),
        reasons=(text, text),
        why=text,
        advice=(text,),
        scores=(score, replace(score, void=text, scope=Scope("stage", text)), *base.scores),
        findings=tuple(
            Finding("stopped-early", severity, text, {}, (text, text)) for severity in ("critical", "warning")
        ),
        summary=replace(base.summary, endpoints=(replace(base.summary.endpoints[0], endpoint=text),)),
    )
