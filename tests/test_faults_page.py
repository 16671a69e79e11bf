"""docs/faults.md is true: the tests that it names exist, and "same" stands only where both engines run the test."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = [
    line.strip("|").split("|")
    for line in (TESTS.parent / "docs" / "faults.md").read_text().splitlines()
    if re.match(r"\| (?!fault)", line)
]
BOTH_ENGINES = {
    "engine",
    "both",
    "runtime",
    "going",
    "ask",
    "send",
    "outcomes",
    "started",
    "closed",
    "opened",
}
"""Fixtures that come once for each engine."""
NO_TEST = {"same", "not tested", "independent of the engine"}


@cache
def functions(file: str) -> dict[str, set[str]]:
    """The arguments of each test of a file."""
    tree = ast.parse((TESTS / file).read_text())
    return {
        node.name: {argument.arg for argument in node.args.args}
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def named(cell: str) -> list[tuple[str, str]]:
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", cell)


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip() for row in ROWS])
def test_the_tests_that_a_row_names_exist(row: list[str]) -> None:
    cells = [cell.strip() for cell in row[2:]]
    for cell in cells:
        tests = named(cell)
        assert cell in NO_TEST or tests, cell
        for file, name in tests:
            assert name in functions(file), name
    if cells[1:] == ["same"]:
        [(file, name)] = named(cells[0])
        assert functions(file)[name] & BOTH_ENGINES
