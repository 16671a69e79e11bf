import pytest

from loadctl.scenario.consent import may_load

STAGING = ["*.staging.example.com", "perf.example.org"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "http://api:8080",  # a compose service
        "http://10.1.2.3",
        "http://192.168.0.7:9000",
        "http://172.16.4.4",
        "http://[fd00::1]",
        "http://api.default.svc.cluster.local",
        "http://box.local",
        "https://user:secret@localhost",
    ],
)
def test_loopback_and_private_names_need_no_word(url: str) -> None:
    assert may_load(url, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://8.8.8.8",
        "https://localhost.example.com",
        "https://localhost@example.com",  # user-info, not a host
        "http://172.32.0.1",
        "https://notlocal.localish",
    ],
)
def test_any_other_host_needs_consent(url: str) -> None:
    assert not may_load(url, [])
    assert not may_load(url, STAGING)


@pytest.mark.parametrize("url", ["https://api.staging.example.com/x", "https://PERF.example.org"])
def test_a_listed_host_or_pattern_is_allowed(url: str) -> None:
    assert may_load(url, STAGING)


def test_a_pattern_does_not_reach_beyond_its_domain() -> None:
    assert not may_load("https://staging.example.com.evil.net", STAGING)
