"""What a scenario keeps secret is in nothing that a monitor says."""

from __future__ import annotations

from loadctl.monitors.secrets import Secrets
from loadctl.results.recording import Event, Reading

SECRETS = Secrets(["abc", "abcdef", ""])


def test_the_longest_goes_first_and_leaves_no_rest() -> None:
    assert SECRETS.hidden("token=abcdef, abc") == "token=[redacted], [redacted]"


def test_all_texts_of_an_observation_are_redacted() -> None:
    seen = SECRETS.redacted(Reading(1, "system", "logs", "/x/abc", {'n{k="abc"}': 1.0}, {"a": "abc"}, "abc"))
    assert "abc" not in repr(seen)
    event = SECRETS.redacted(Event(1, "log_error", "abc", {"log": "abc", "n": 3, "none": None}))
    assert "abc" not in repr(event)
    assert isinstance(event, Event)
    assert event.detail["n"] == 3


def test_without_secrets_nothing_is_touched() -> None:
    reading = Reading(1, "system", "logs", "abc")
    assert Secrets([]).redacted(reading) is reading
