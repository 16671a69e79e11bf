import pytest

from loadctl.scenario.consent import consent_of, consent_to, host_name, places_of
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Request, Task, UserType

STAGING = ["*.staging.example.com", "perf.example.org"]


def may_load(url: str, allow_hosts: list[str], *addresses: str) -> bool:
    consent, host = consent_to(allow_hosts), host_name(url)
    return all(consent.allows(host, address) for address in addresses or [None])


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "http://[::ffff:127.0.0.1]",
        "http://127.1",
        "http://0x7f000001",
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
        "http://134744072",
        "http://0x08080808",
        "http://0x8.8.0x8.8",
        "http://8.526344",
        "http://01002004010",  # octal
        "http://010.8.8.8",  # 8.8.8.8
        "http://[::ffff:8.8.8.8]",
        "http://[::ffff:808:808]",
        "http://[64:ff9b::808:808]",
        "http://[2002:808:808::1]",
        "http://169.254.169.254",
        "http://2852039166",  # the same
        "http://[::ffff:169.254.169.254]",
        "http://[fe80::1%25eth0]",
        "https://localhost.example.com",
        "https://localhost@example.com",  # user-info, not a host
        "http://172.32.0.1",
        "https://notlocal.localish",
    ],
)
def test_any_other_host_needs_consent(url: str) -> None:
    assert not may_load(url, [])
    assert not may_load(url, STAGING)


@pytest.mark.parametrize(
    "url", ["https://api.staging.example.com/x", "https://PERF.example.org", "https://perf.example.org."]
)
def test_a_listed_host_or_pattern_is_allowed(url: str) -> None:
    assert may_load(url, STAGING)


def test_a_pattern_does_not_reach_beyond_its_domain() -> None:
    assert not may_load("https://staging.example.com.evil.net", STAGING)
    assert not may_load("https://perf-example.org", STAGING)
    assert not may_load("https://www.perf.example.org", STAGING)


def test_a_listed_address_is_meant_in_every_spelling() -> None:
    assert may_load("http://134744072", ["8.8.8.8"])
    assert may_load("http://[::ffff:8.8.8.8]", ["8.8.8.8"])
    assert may_load("http://8.8.4.4", ["8.8.0.0/16"])
    assert may_load("http://[2001:db8::1]", ["[2001:DB8:0::1]"])
    assert not may_load("http://8.8.4.4", ["8.8.8.8"])


def test_a_name_that_looks_private_must_lead_to_a_private_address() -> None:
    assert may_load("http://api.internal", [], "10.0.0.7", "fd00::7")
    assert not may_load("http://api.internal", [], "10.0.0.7", "8.8.8.8")
    assert not may_load("http://metadata", [], "169.254.169.254")
    assert may_load("http://api.internal", ["api.internal"], "8.8.8.8")


def test_an_international_name_is_the_same_in_both_spellings() -> None:
    assert may_load("http://bücher.example", ["xn--bcher-kva.example"])
    assert may_load("http://xn--bcher-kva.example", ["bücher.example"])


def scenario(host: str, *urls: str) -> Scenario:
    requests = [Request(method="GET", url=url, endpoint="GET /") for url in urls]
    users = UserType(name="U", weight=1, tasks=[Task("t", 1, requests)])
    return Scenario(name="x", host=host, load=Load("closed", []), user_types=[users])


def test_a_link_local_address_may_be_loaded_where_it_is_the_host() -> None:
    consent = consent_of(scenario("http://169.254.7.7:80"))
    assert consent.allows("169.254.7.7")
    assert not consent.allows("169.254.169.254")


def test_hosts_of_steps_are_known_as_far_as_no_template_makes_them() -> None:
    found = places_of(
        scenario(
            "http://api",
            "/path",
            "http://one.example",
            "https://Two.example:8443/{{ id }}",
            "http://three.example?q={{ id }}",
            "http://four.example{{ rest }}",
            "http://{{ host }}/",
            "{{ base }}/",
        )
    )
    assert [place.name for place in found] == ["api", "one.example", "two.example", "three.example"]
