"""`loadctl explain`: words of ours, words of others, typing mistakes."""

from __future__ import annotations

import re

import pytest

from loadctl.cli.command_table import COMMANDS
from loadctl.cli.reference import entries
from loadctl.reports.terminal.explanation import explained
from tests.cli.conftest import Loadctl


def test_a_word_is_explained_with_an_example(loadctl: Loadctl) -> None:
    said = loadctl("explain", "capture")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("capture  key of a request\n  Names for parts of the answer")
    assert "\n  example  start: [{post: /login, " in said.out


def test_a_word_of_another_tool_leads_to_ours(loadctl: Loadctl) -> None:
    said = loadctl("explain", "on_start")
    assert said.code == 0
    assert said.out.startswith("on_start is called start here.\n\nstart  key of a user type")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("generator-lagg", "did you mean generator-lag"), ("qqqqq", "loadctl explain  lists all words")],
)
def test_an_unknown_word_exits_2_with_what_to_do(loadctl: Loadctl, word: str, hint: str) -> None:
    said = loadctl("explain", word)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err


def test_without_a_word_all_of_them_are_listed(loadctl: Loadctl) -> None:
    said = loadctl("explain")
    assert said.code == 0
    assert {entry.word for entry in entries()} <= set(said.out.replace(",", " ").split())
    assert max(map(len, said.out.splitlines())) <= 80


def test_every_entry_fits_80_columns() -> None:
    for entry in entries():
        assert [line for line in explained([entry], 80).splitlines() if len(line) > 80] == []


def test_machines_read_it_too(loadctl: Loadctl) -> None:
    found = loadctl("explain", "latency_p95", "--json").document
    assert [(one["kind"], one["word"]) for one in found] == [("metric", "latency_p95")]


def test_every_option_that_a_help_text_shows_has_an_entry(loadctl: Loadctl) -> None:
    shown = {
        word
        for command in COMMANDS
        for line in loadctl(command, "--help").out.split("\nOptions:\n")[1].splitlines()
        for word in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", line)
    }
    known = {
        word
        for entry in entries()
        if entry.kind == "option"
        for word in re.findall(r"--[a-z-]+", entry.type or "")
    }
    assert shown - {"--help"} <= known
