"""Test functions of pytest instead of user classes."""

import time

from notes import note


def test_items(session):
    if getattr(session, "taken", 0) < 2:
        session.taken = getattr(session, "taken", 0) + 1
        session.get("/items").raise_for_status()
        with session.get("/status/404", name="missing", catch_response=True) as response:
            response.success()
        if session.taken == 2:
            note("items")
    time.sleep(0.05)


def test_quick(fastsession):
    if not hasattr(fastsession, "taken"):
        fastsession.taken = True
        fastsession.get("/quick")
        fastsession.get("/status/500").raise_for_status()
    time.sleep(0.05)
