"""One rule for what is never written or shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.redaction import REDACTED, Redaction


def test_the_longest_goes_first_and_leaves_no_rest() -> None:
    assert Redaction(["abcd", "abcdef", ""]).hidden("token=abcdef, abcd") == "token=[redacted], [redacted]"


def test_a_short_one_is_hidden_only_where_it_is_all() -> None:
    redaction = Redaction(["a"])
    assert redaction.hidden("a") == REDACTED
    assert redaction.hidden("a cat") == "a cat"


@given(st.text(), st.lists(st.text(min_size=4, alphabet="xyz"), max_size=5))
def test_no_secret_is_left(text: str, secrets: list[str]) -> None:
    assert not any(secret in Redaction(secrets).hidden(text).replace(REDACTED, "|") for secret in secrets)


def test_without_secrets_nothing_is_touched() -> None:
    assert not Redaction(["", ""])
    assert Redaction([]).hidden("abc") == "abc"
