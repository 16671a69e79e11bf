"""Captures by a pattern find the same on both engines, or the pattern is refused."""

from __future__ import annotations

import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from loadctl.engines.artillery.pattern import Untranslatable, to_javascript
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery

Found = list[str | None]
ATOMS = [
    "a",
    "b",
    "ab",
    "é",
    ".",
    r"\d",
    r"\D",
    r"\s",
    r"\S",
    r"\w",
    r"\W",
    "[ab]",
    "[^a]",
    r"[^\W\d]",
    r"[\W1]",
]
ATOMS += [r"[^\S\n]", r"[\s\S]", "[a-é-]", r"\.", r"\n", "😀"]
ATOMS += [r"\b", r"\B", "^", "$", r"\A", r"\Z", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)"]
TIMES = ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,1}?"]
SIGNS = [*"aabbé1 \n._-", "😀", "A", "\u2028", "\ufeff", "\x1c", "²"]


def by_python(pattern: str, text: str) -> Found:
    match = re.search(pattern, text)
    return [] if match is None else [match[0], *match.groups()]


def by_javascript(artillery: Artillery, cases: Sequence[tuple[str, str]]) -> list[Found]:
    translated = [[*to_javascript(pattern), text] for pattern, text in cases]
    found: list[Found] = Runtime("artillery", artillery).run("run_patterns", translated)
    return found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r'id="(\d+)"', 'x id="42"', "42"),
        (r"(?i)TOKEN=(\w+)", "token=ñandú_1;", "ñandú_1"),
        (r"(?P<a>x)(?P=a)", "xxy", "x"),
        (r"(?x) x ( \d ) # a digit", "x1", "1"),
        (r"\Aab?\Z", "a", "a"),
        (r"end$", "the end\n", "end"),
        (r"(?m)^b.*$", "a\nbcd\ne", "bcd"),
        (r"(?s)a.b", "a\nb", "a\nb"),
        (r"[^\s\]-]{2,3}?", " ]ab-", "ab"),
        (r"(?<=x)y|z(?!q)", "zq xy", "y"),
        (r"\bcat\b", "concat cat", "cat"),
        (r"a.c", "a😀c", "a😀c"),
        (r"name: ([^\W\d_]+)", "name: Zoë1", "Zoë"),
        (r"(?:(\w);)+", "a;b;c", "b"),
        (r"(?:'(.)'|(?=b))", "b", None),
    ],
)
def test_it_finds_the_same(artillery: Artillery, pattern: str, text: str, found: str | None) -> None:
    [got] = by_javascript(artillery, [(pattern, text)])
    assert got == by_python(pattern, text)
    assert got[-1] == found


def test_nothing_is_found_between_the_halves_of_a_sign(artillery: Artillery) -> None:
    assert by_javascript(artillery, [(r"(?<!a)(?!a)", "a😀a"), (r"(?<!a)(?!a)", "")]) == [[], [""]]


def test_a_sign_is_of_the_same_kind(artillery: Artillery) -> None:
    """Of all that Python knows; JavaScript's Unicode may be younger."""
    known = [chr(code) for code in range(sys.maxunicode + 1)]
    known = [sign for sign in known if unicodedata.category(sign) not in {"Cn", "Cs", "Co"}]
    kinds = [r"\w+", r"\W+", r"\s+", r"\S+", r"\d+", r"\D+", r"[^\W\d]+", r"[\W\d]+", r"[^\S\n]+"]
    for kind in kinds:
        members = "".join([sign for sign in known if re.fullmatch(kind, sign)])
        others = [sign for sign in known if not re.fullmatch(kind, sign)]
        longest, *rest = by_javascript(artillery, [(kind, members), *[(kind, "".join(others))]])
        assert longest == [members], kind
        assert rest == [[]], kind


@pytest.mark.parametrize("seed", range(3))
def test_patterns_by_chance_find_the_same_or_are_refused(artillery: Artillery, seed: int) -> None:
    chance = random.Random(seed)
    cases: list[tuple[str, str]] = []
    outcomes: Counter[str] = Counter()
    while outcomes["translated"] < 3000:
        pattern = chance.choice(["", "", "", "(?m)", "(?s)"]) + by_chance(chance, depth=2, group=True)
        try:
            to_javascript(pattern)
        except re.error:
            continue
        except Untranslatable as refused:
            outcomes[str(refused)] += 1
            continue
        outcomes["translated"] += 1
        cases.append((pattern, "".join(chance.choices(SIGNS, k=chance.randint(0, 9)))))
    for (pattern, text), got in zip(cases, by_javascript(artillery, cases), strict=True):
        assert got == by_python(pattern, text), (pattern, text)
    assert outcomes.keys() == {
        "translated",
        "a repeated part that can be empty",
        "a group in a repeated part that can do without it",
        "a reference to a group that may not have matched",
    }


def by_chance(chance: random.Random, *, depth: int, group: bool) -> str:
    """With at most one group, as a capture may have, and perhaps what refers to it."""
    parts = []
    for _ in range(chance.randint(1, 3)):
        pick = chance.random() if depth else 1
        if pick < 0.2 and group:
            parts.append(f"({by_chance(chance, depth=depth - 1, group=False)})")
            parts += [r"\1"] * (chance.random() < 0.2)
            group = False
        elif pick < 0.4:
            parts.append(f"(?:{by_chance(chance, depth=depth - 1, group=group)})")
            group = group and "(?:" not in parts[-1][3:] and not re.search(r"\((?!\?)", parts[-1])
        elif pick < 0.5:
            first, second = [by_chance(chance, depth=depth - 1, group=False) for _ in range(2)]
            parts.append(f"(?:{first}|{second})")
        else:
            parts.append(chance.choice(ATOMS))
        parts.append(chance.choice(TIMES))
    if not group and depth and chance.random() < 0.1:
        parts.append(r"\1")
    return "".join(parts)
