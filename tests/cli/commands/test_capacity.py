"""The levels and probes that `loadctl capacity` takes from the command line."""

from __future__ import annotations

import pytest

from loadctl.cli.commands.capacity import _level, _stages, parse_probe
from loadctl.errors import UsageError


@pytest.mark.parametrize(
    ("text", "closed", "level"),
    [
        ("20 users", True, 20),
        ("1 user", True, 1),
        ("20", True, 20),
        ("20/s", False, 20),
        ("60/min", False, 1),
    ],
)
def test_a_level_is_written_as_in_a_scenario(text: str, closed: bool, level: float) -> None:
    assert _level("--from", text, closed=closed) == level


@pytest.mark.parametrize(
    ("text", "closed"), [("20/s", True), ("20", False), ("20 users", False), ("0", True)]
)
def test_a_level_of_the_other_model_is_refused_with_what_to_write(text: str, closed: bool) -> None:
    with pytest.raises(UsageError, match="--from"):
        _level("--from", text, closed=closed)


@pytest.mark.parametrize("probe", ["5s", "6s", "7500ms", "15s", "1m1s"])
def test_a_probe_and_its_warm_up_are_whole_seconds(probe: str) -> None:
    """The scored seconds of a stage that begins within a second lacked a part of its arrivals."""
    stages = _stages(20, parse_probe(probe))
    assert all(isinstance(stage.duration_s, int) and stage.duration_s >= 1 for stage in stages)
