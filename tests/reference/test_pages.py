"""docs/reference/ is what the code's tables say now; `make reference` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from loadctl.cli.reference import entries
from loadctl.reference.entry import Entry
from loadctl.reference.pages import pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES = pages(entries())


def test_the_folder_holds_these_pages_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_the_code_says_now(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "run  make reference"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_heading(name: str) -> None:
    for file, anchor in re.findall(r"\]\(([\w.-]*)#([^)]+)\)", PAGES[name]):
        headings = re.findall(r"^#+ `?(.+?)`?$", PAGES[file or name], re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_what_has_a_meaning_in_markdown_is_shown_as_it_is() -> None:
    strange = Entry(kind="finding", word="x", place="a *b* [c](d)", text="<b> a_b_c `*code*`")
    shown = MarkdownIt().render(pages([strange])["findings.md"])
    assert "A *b* [c](d)" in shown
    assert "&lt;b&gt; a_b_c <code>*code*</code>" in shown
