"""Nobody waits for ever for somebody who drips."""

from __future__ import annotations

import threading
import time

import pytest

from loadctl.monitors.background import Lost, within
from loadctl.monitors.prometheus.http import HttpPage
from tests.dripping import dripping, soon


def test_the_answer_comes_from_another_thread() -> None:
    assert within(5.0, threading.current_thread) is not threading.current_thread()


def test_what_is_raised_there_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_who_is_late_is_left_behind() -> None:
    forever = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, forever.wait)
    assert soon(began, 0.05)
    forever.set()


def test_a_page_that_drips_is_unreadable_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadctl.monitors.prometheus.http._TRY_S", 0.3)
    began = time.monotonic()
    with dripping() as url:
        page = HttpPage(f"{url}/metrics", {})
        for _ in range(2):
            with pytest.raises(Lost, match=r"/metrics was not complete within 0\.3 s"):
                page.get()
        page.close()
    assert soon(began, 2 * 0.8)
