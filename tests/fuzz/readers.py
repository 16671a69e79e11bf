"""All readers: each module beside this one has those of a kind."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fuzz.harness import Reader
from tests.fuzz.observed import OBSERVED
from tests.fuzz.recorded import RECORDED
from tests.fuzz.written import WRITTEN

READERS: Sequence[Reader] = (*WRITTEN, *RECORDED, *OBSERVED)
