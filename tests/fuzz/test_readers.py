"""No odd input ends in a traceback, a hang or a full memory (seconds here; `make fuzz` goes on for an hour)."""

from __future__ import annotations

import pytest

from tests.fuzz.harness import Reader, Tally, fuzz, meet
from tests.fuzz.readers import READERS

INPUTS = 150


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_what_is_valid_is_read_and_what_was_found_once_is_refused(reader: Reader) -> None:
    tally = Tally()
    for data in reader.seeds:
        meet(reader, data, tally)
    assert tally.accepted == len(reader.seeds)
    for path in reader.corpus():
        meet(reader, path.read_bytes(), tally)
    assert not tally.faults, "\n".join(map(str, tally.faults))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_odd_input_is_accepted_or_refused(reader: Reader) -> None:
    tally = fuzz(reader, range(INPUTS))
    assert tally.mutated > INPUTS / 5
    assert not tally.faults, "\n".join(map(str, tally.faults))
