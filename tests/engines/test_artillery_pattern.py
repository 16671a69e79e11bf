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
ATOMS += [
    "K",
    "ſ",
    "ß",
    "İ",
    "i",
    "ı",
    "σ",
    "ǅ",
    "\u0345",
    "[a-z]",
    "[^A-Z]",
    "[k-s]",
    "[µ]",
    "[^ſ]",
    "Ⅰ",
    "[à-ϐ]",
]
ATOMS += [
    r"\x41",
    r"\u00e9",
    r"\N{LATIN SMALL LETTER A}",
    r"\101",
    "[]a]",
    r"[\[]",
    r"[\b]",
    r"[\w-]",
    r"[^\d\D]",
    "(?#c)",
]
ATOMS += ["{", "}", "a{1", "/", "-", "(?>a|ab)", "a++", "(?:a|ab)?+", "(?i:a)", "(?s:.)"]
TIMES = ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,1}?", "{0}", "{2,}"]
SIGNS = [*"aabbé1 \n._-", "😀", "A", "\u2028", "\ufeff", "\x1c", "²", *"kKSiIσςΣµßẞſİıKÅǄǅⅠⅰ\u0345{/"]


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


def test_letters_of_other_case_are_those_that_python_takes(artillery: Artillery) -> None:
    """JavaScript's flag i takes neither the dotless i nor the dotted I for an i."""
    cased = [chr(code) for code in range(0x1F000) if chr(code).lower() != chr(code).upper()]
    cases: list[tuple[str, str]] = []
    for sign in [*"iIıİsſkKßẞµμσς\u0345", *random.Random(1).sample(cased, 200)]:
        alike = re.compile(re.escape(sign), re.IGNORECASE)
        cases.append((f"(?i){sign}+", "".join(filter(alike.fullmatch, cased))))
        cases.append((f"(?i){sign}", "".join([other for other in cased if not alike.fullmatch(other)])))
    found = by_javascript(artillery, cases)
    assert found[0] == ["Iiİı"]
    for (pattern, text), got in zip(cases, found, strict=True):
        assert got == by_python(pattern, text), pattern


def test_what_is_nested_too_deep_for_the_translation_is_refused() -> None:
    with pytest.raises(Untranslatable, match="so many parts inside each other"):
        to_javascript("(?:a|b" * 240 + ")" * 240)


@pytest.mark.parametrize("seed", range(3))
def test_patterns_by_chance_find_the_same_or_are_refused(artillery: Artillery, seed: int) -> None:
    chance = random.Random(seed)
    cases: list[tuple[str, str]] = []
    outcomes: Counter[str] = Counter()
    while outcomes["translated"] < 3000:
        pattern = chance.choice(["", "", "(?m)", "(?s)", "(?i)"]) + by_chance(chance, depth=2, group=True)
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
        "a reference to a group with the flag i",
        "atomic group",
        "flags for a part of a pattern",
        "groupref exists",
        "possessive repeat",
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
            parts.append(f"(?:{first}|{second})" if group or pick < 0.48 else f"(?(1){first}|{second})")
        elif pick < 0.56:
            around = by_chance(chance, depth=depth - 1, group=False)
            parts.append(f"({chance.choice(['?=', '?!', '?<=', '?<!'])}{around})")
        else:
            parts.append(chance.choice(ATOMS))
        parts.append(chance.choice(TIMES))
    if not group and depth and chance.random() < 0.1:
        parts.append(r"\1")
    return "".join(parts)
