"""What `--metrics-port` costs the process that runs the load's orchestration."""

from __future__ import annotations

import random
import time

import pytest

from loadctl.reports.metrics import live_families, text
from loadctl.results.live import RECENT_S, Tally
from tests.reports.test_metrics import live
from tests.results.recorded import interval, second

SCRAPED_EVERY_S = 5


@pytest.mark.bench
@pytest.mark.parametrize("endpoints", [5, 20, 100])
def test_a_page_that_is_scraped_every_five_seconds_costs_little(endpoints: int) -> None:
    """One percent up to 20 endpoints; at the cap of a hundred, two and a half."""
    tally = Tally()
    cells = {
        f"GET /{k}": interval([random.lognormvariate(2, 1) for _ in range(40)]) for k in range(endpoints)
    }
    began = time.process_time()
    for t in range(2 * RECENT_S):
        tally.add(second(t, cells))
    adding = (time.process_time() - began) / (2 * RECENT_S)
    began = time.process_time()
    page = text(live_families(live(tally), tally))
    share = adding + (time.process_time() - began) / SCRAPED_EVERY_S
    print(f"\n{endpoints} endpoints: {share:.2%} of a core, {len(page) / 1000:.0f} kB a scrape")
    assert share < (0.01 if endpoints <= 20 else 0.03)
