"""docs/decisions: every page has the same three parts and stands in the index, and files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "decisions"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
SOURCES = [
    f"/{path.relative_to(ROOT)}" for room in ("loadctl", "tests") for path in (ROOT / room).rglob("*.*")
]


def test_the_index_lists_each_page_once_under_its_title() -> None:
    listed = re.findall(r"^- \[(.+?)\]\((.+?)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    titles = [(page.read_text().splitlines()[0].removeprefix("# "), page.name) for page in PAGES]
    assert sorted(listed) == sorted(titles)
    assert [int(page.name[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_context_decision_and_consequences(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert text.count("\n") <= 60


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    files = set(re.findall(r"`([a-z_/]+/[a-z_]+\.(?:py|mjs))`", text))
    assert {name for name in files if not any(source.endswith(f"/{name}") for source in SOURCES)} == set()
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
