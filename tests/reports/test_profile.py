"""A flame graph that is XML, whatever the names hold, and whose boxes are as wide as their share."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from loadctl.reports.profile import WIDTH, flamegraph, speedscope
from loadctl.results.profile import stacks_of
from loadctl.results.recording import Profile

STACKS = stacks_of("main (a.py:1);serve (a.py:2) 75\nmain (a.py:1);idle (a.py:9) 25\n")
SVG = "{http://www.w3.org/2000/svg}"


def test_boxes_are_as_wide_as_their_share() -> None:
    root = ET.fromstring(flamegraph(STACKS, "calm"))  # noqa: S314  our own
    widths = {
        (box.findtext(f"{SVG}title") or ""): float(box.find(f"{SVG}rect").attrib["width"])  # type: ignore[union-attr]
        for box in root.iter(f"{SVG}g")
    }
    assert widths == {
        "main (a.py:1): 100.0 %": WIDTH,
        "serve (a.py:2): 75.0 %": WIDTH * 0.75,
        "idle (a.py:9): 25.0 %": WIDTH * 0.25,
    }


def test_without_samples_it_says_so() -> None:
    assert "no samples" in flamegraph({}, "calm")


@given(
    st.dictionaries(
        st.lists(st.text(max_size=30), min_size=1, max_size=5).map(tuple), st.integers(1, 9), max_size=5
    ),
    st.text(),
)
def test_hostile_names_are_text(stacks: dict[tuple[str, ...], int], title: str) -> None:
    drawn = flamegraph(stacks, title)
    root = ET.fromstring(drawn)  # noqa: S314
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{t}" for t in ("svg", "title", "style", "text", "g", "rect")
    }


def test_markup_in_a_name_stays_a_name() -> None:
    drawn = flamegraph({("<script>alert(1)</script>",): 1}, "</title><script>")
    assert "<script" not in drawn
    assert re.search(r"&lt;script&gt;alert", drawn)


def test_speedscope_has_every_stack_and_its_weight() -> None:
    document = json.loads(speedscope([Profile("calm", "sample", 1.0, 6.0, "f", "w", STACKS)], "run"))
    frames = document["shared"]["frames"]
    (shown,) = document["profiles"]
    stacks = {
        tuple(frames[i]["name"] for i in s): w
        for s, w in zip(shown["samples"], shown["weights"], strict=True)
    }
    assert stacks == {("main", "serve"): 75, ("main", "idle"): 25}
    assert shown["endValue"] == 100
    assert frames[0] == {"name": "main", "file": "a.py", "line": 1}
