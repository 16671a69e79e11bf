"""One rule for what is never written or shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.redaction import (
    REDACTED,
    Redaction,
    is_secret,
    parts_of_secret,
    secret_arguments,
    without_secrets,
)
from tests.spellings import SECRET, SPELLINGS


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
    assert Redaction(["", ""]).hidden("abc") == "abc"
    assert Redaction([]).hidden("abc") == "abc"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("Authorization", "Bearer abc", True),
        ("Authorization", "Bearer {{ token }}", False),
        ("X-Api-Key", "abc", True),
        ("db_password", "abc", True),
        ("token", "$.token", False),
        ("token_type", "bearer", False),
        ("user", "abc", False),
    ],
)
def test_a_name_tells_a_secret(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value) is secret


def test_what_is_named_in_a_text_is_hidden() -> None:
    said = "GET /a?api_key=abc&user=bob: login failed, password=hunter2; token={{ token }}"
    assert Redaction([]).hidden(said) == (
        "GET /a?api_key=[redacted]&user=bob: login failed, password=[redacted]; token={{ token }}"
    )


@pytest.mark.parametrize(
    ("words", "secrets", "shown"),
    [
        ("--api-token abcdef --rows 5", ["abcdef"], f"--api-token {REDACTED} --rows 5"),
        ("--API_KEY=a=b", ["a=b"], f"--API_KEY={REDACTED}"),
        ("--max-tokens 4096", [], f"--max-tokens {REDACTED}"),
        ("--pass --tenant acme", [], "--pass --tenant acme"),
        ("--tenant token", [], "--tenant token"),
        ("run f.py -u 5 -- --secret", [], "run f.py -u 5 -- --secret"),
    ],
)
def test_arguments_name_their_secrets(words: str, secrets: list[str], shown: str) -> None:
    assert secret_arguments(words.split()) == secrets
    assert without_secrets(words.split()) == shown.split()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_hidden_in_every_spelling_under_its_name(spelling: str) -> None:
    redaction = Redaction({SECRET: "${PW}", "abcdef": REDACTED})
    assert redaction.hidden(f"a {spelling} b %61bcdef") == "a ${PW} b [redacted]"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("length", [129, 300, 70_000])
def test_a_long_secret_is_hidden_in_every_spelling_of_its_ends(spelling: str, length: int) -> None:
    middle = "x" * length
    redaction = Redaction([SECRET + middle + SECRET])
    assert redaction.hidden(f"a {spelling}{middle}{spelling} b") == "a [redacted] b"


def test_what_is_left_of_a_long_secret_that_was_cut_off_is_hidden() -> None:
    assert Redaction(["s" + "x" * 999]).hidden(f"it said s{'x' * 500}...") == "it said [redacted]"


def test_a_secret_comes_back_in_parts() -> None:
    assert {"YW5uOnBhIHNz", "pa%20ss", "pa ss"} <= set(parts_of_secret("ann:pa%20ss"))
    assert {"ann:secret", "secret"} <= set(parts_of_secret("Basic YW5uOnNlY3JldA=="))
    assert {"abc", "d"} <= set(parts_of_secret("sid=abc; x=d"))
    assert "abc.def" in parts_of_secret("Bearer abc.def")


def test_the_places_in_a_file_are_those_of_its_bytes() -> None:
    data = "ä abcdef %61bcdef token=x, password={{ p }}".encode()
    places = list(Redaction(["abcdef"]).places(data))
    assert [data[begin:end] for begin, end in places] == [b"abcdef", b"%61bcdef", b"x"]


def test_the_address_of_a_url_stays_and_its_path_is_searched() -> None:
    redaction = Redaction({"shop": "${NAME}", "8080": REDACTED})
    assert (
        redaction.of_url("http://shop:8080/shop/a?token=t")
        == f"http://shop:8080/${{NAME}}/a?token={REDACTED}"
    )
    assert redaction.of_url("") == ""
