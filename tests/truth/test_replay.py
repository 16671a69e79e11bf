"""The truth table, judged again from what `make truth` kept: what has to be found is, and nothing else."""

from __future__ import annotations

import pytest

from tests.truth.__main__ import outcome_of
from tests.truth.cases import CASES
from tests.truth.kept import MOST_BYTES, RECORDED, folder_of, is_kept

KEPT = [name for name, case in CASES.items() if is_kept(case)]
"""Of the others no undisturbed run was kept yet: `make truth` carries them out."""


@pytest.mark.parametrize("name", KEPT)
def test_a_case_is_judged_as_it_has_to_be(name: str) -> None:
    assert outcome_of(CASES[name]).mistakes == []


def test_nothing_else_is_kept_and_nothing_large() -> None:
    folders = {path for path in RECORDED.iterdir() if path.is_dir()}
    assert folders == {folder_of(CASES[name]) for name in KEPT}
    for folder in folders:
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= MOST_BYTES
