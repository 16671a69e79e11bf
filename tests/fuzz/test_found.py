"""What odd input once did: a traceback, a hang, a full memory. Now it is an answer with its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadctl.errors import InvalidInput
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.scenario import Scenario
from tests.cli.conftest import Loadctl, folder, loadctl, write
from tests.fuzz.harness import MOST_SECONDS

__all__ = ["folder", "loadctl", "write"]  # fixtures

Write = Callable[[str, str], Path]
HOST = "host: http://localhost\n"
LOAD = "load: [{users: 1, for: 5s}]\n"
TASKS = "tasks: [{get: /}]\n"


def read(text: str, users: str = "A: {tasks: [{get: /}]}") -> Scenario:
    """In the time that a reader may take."""
    begun = time.process_time()
    sources = Sources(
        Text("s.yaml", text), Text("users.yaml", users), None, lambda _: None, lambda path: path, {}
    )
    try:
        return read_scenario("s", sources)
    finally:
        assert time.process_time() - begun < MOST_SECONDS


def task(task: str) -> str:
    return f"{HOST}{LOAD}tasks: [{task}]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (task("{weight: ², get: /}"), "s.yaml:3:18  weight: '²' is not a whole number above 0"),
        (task(f"{{weight: {'9' * 4301}, get: /}}"), "is not a whole number above 0"),
        (task(f"{{get: '/{{{{ {'int(' * 900}'}}"), "s.yaml:3:15  calls and attributes are nested deeper than 20"),
        (task(f"{{get: /a, name: b, body: '{{{{ x{'.a' * 2000} }}}}'}}"), "nested deeper than 20 levels"),
        (task("{get: /a, body: '{{ 1e999 }}'}"), "1e999 is too large a number"),
        (task("{get: /, capture: {a: 'regex b{1,99999999999}'}}"), "the repetition number is too large"),
        (task(f"{{get: /, capture: {{a: 'regex {'(' * 490}{')' * 490}'}}}}"), "nested too deeply"),
        (task(f"{{get: /, capture: {{a: 'regex {'b' * 1001}'}}}}"), "at most 1,000 characters, not 1,001"),
        (task("{get: 'http://[x/y'}"), "s.yaml:3:15  'http://[x/y' is not a complete URL: Invalid IPv6 URL"),
        (task("{get: 'http://a..b/y'}"), "'a..b' is not a valid host name"),
        (f"host: http://%41\n{LOAD}{TASKS}", "'%41' is not a valid host name"),
        (f"host: http://a,b/\n{LOAD}{TASKS}", "'a,b' is not a valid host name"),
        (f"host: http://a:99999\n{LOAD}{TASKS}", "s.yaml:1:7  host: Port out of range 0-65535"),
        (f"host: http://{'a' * 64}\n{LOAD}{TASKS}", "is not a valid host name"),
        (f"{HOST}{LOAD}{TASKS}watch: {{metrics: 'http://a:99999/m'}}\n", "s.yaml:4:18  metrics: Port out of range"),
        (f"{HOST}{LOAD}{TASKS}watch: {{logs: {{of: x, errors: 'b{{9999999999}}'}}}}\n", "s.yaml:4:31  errors: "),
        (f"{HOST}{TASKS}load: [{{users: 1, for: {'9' * 310}s}}]\n", "is not a duration"),
        (f"{HOST}{TASKS}load: [{{users: 1, for: 501h}}]\n", "s.yaml:3:24  for: '501h' is longer than 500h"),
        (f"{HOST}{TASKS}load: [{{users: 1000001, for: 5s}}]\n", "s.yaml:3:7  at most 1,000,000 users, not 1,000,001"),
        (f"{HOST}{TASKS}load: [{{rate: 2000000/s, for: 5s}}]\n", "at most 1,000,000 arrivals a second"),
        (f"{HOST}{TASKS}load:\n" + "- {users: 1, for: 1s}\n" * 4000, "s.yaml:2004:3  a load has at most 2,000 stages"),
        (f"{HOST}{TASKS}load:\n" + "- {users: 1..501, step: 1, for: 1s}\n" * 60, "a load has at most 2,000 stages"),
        (f"{HOST}{LOAD}users:\n" + "".join(f"  Visitor{n}: 1\n" for n in range(2500)), "s.yaml:4:3  at most 1,000"),
        (
            f"{HOST}{LOAD}users: {{A: {{weight: 999999937, tasks: [{{get: /}}]}}, B: {{tasks: [{{get: /}}]}}}}\n",
            "s.yaml:3:8  with these weights the order of user types is 999,999,938 long; at most 10,000",
        ),
        (f"{HOST}{TASKS}load: [{{rate: 1/s, for: 5s}}]\nmax_in_flight: 999999999\n", "max_in_flight: at most 100,000"),
        (task("{get: /}, " + "{get: /, nonsense: 1}, " * 8000), "unknown key 'nonsense'"),
    ],
    ids=lambda part: part[:0],
)  # fmt: skip
def test_a_scenario_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert said in str(refused.value)
    assert len(refused.value.mistakes) <= 150


def test_a_thousand_unknown_user_types_are_told_soon() -> None:
    users = "".join(f"LongUserMane{n}: {{tasks: [{{get: /}}]}}\n" for n in range(1000))
    text = f"{HOST}{LOAD}users:\n" + "".join(f"  LongUserName{n}: 1\n" for n in range(1000))
    with pytest.raises(
        InvalidInput, match=r"no user type is named 'LongUserName0'; did you mean 'LongUserMane0'"
    ):
        read(text, users)


def test_as_many_as_the_bounds_allow_are_read_in_time() -> None:
    stairs = "- {users: 1..401, step: 1, over: 1s, for: 1s}\n- {users: 1..401, step: 1, over: 1s, for: 1s}\n"
    assert len(read(f"{HOST}{TASKS}load:\n{stairs}").load.stages) == 1604
    many = "- &a {get: /}\n" + "- *a\n" * 15_000
    assert len(read(f"{HOST}{LOAD}tasks:\n{many}").user_types[0].tasks) == 15_001


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.json", '{"aggregate": 5}'),
        ("r.json", '{"aggregate": ' + "[" * 50_000),
        ("r.json", '[{"num_requests": ' + "[" * 50_000),
        ("r.html", '<html>window.templateArgs = {"a": ' + "[" * 50_000),
        ("r.json", '{"aggregate": {"counters": {"http.requests": ' + "9" * 400 + "}}}"),
        ("r.json", '{"aggregate": {"counters": {"http.requests": 1}, "firstMetricAt": 1e300}}'),
        ("r.json", '{"aggregate": {"counters": {"http.requests": NaN}}}'),
        ("r.csv", f"Type,Name,Request Count,Failure Count\n,Aggregated,{'9' * 400},0\n"),
        ("r.csv", f"Type,Name,Request Count,Failure Count\n,Aggregated,{'9' * 5000},0\n"),
    ],
)
def test_a_report_is_refused(loadctl: Loadctl, write: Write, name: str, text: str) -> None:
    write(name, text)
    said = loadctl("score", name)
    assert (said.code, name in said.err) == (2, True), said.err


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "s.yaml", "--metrics", "http://[x"],
        ["run", "s.yaml", "--metrics", "http://a:99999/m"],
        ["run", "s.yaml", "--html", "x" * 300],
        ["run", "s.yaml", "--junit", f"{'x' * 300}/a"],
        ["run", "s.yaml", "--workers", "9" * 5000],
        ["run", "s.yaml", "--metrics-port", "9" * 5000],
        ["run", "http://localhost", "-u", "9", "-t", "9s", "-r", "1e-320"],
        ["run", "s.yaml", "-H", "http://localhost/\udcff"],
        ["run", "s.yaml", "--html", "\udcff.html"],
        ["run", "s.yaml", "-u", "9" * 12],
        ["validate", "\udcff.yaml"],
        ["show", "script.yml"],
        ["wait", "http://a..b"],
    ],
)
def test_words_of_a_command_line_are_refused_before_anything_is_sent(
    loadctl: Loadctl, write: Write, argv: list[str]
) -> None:
    write("s.yaml", f"{HOST}{LOAD}{TASKS}")
    write(
        "script.yml",
        "config: {target: 'http://[x', phases: [{duration: 5, arrivalRate: 1}]}\nscenarios: []\n",
    )
    said = loadctl(*argv)
    assert (said.code, "internal error" in said.err) == (2, False), said.err


@pytest.mark.parametrize(
    "schema",
    [
        "{type: {}}",
        "{type: [[]]}",
        "{type: integer, multipleOf: 1e-320, minimum: 5}",
        "{type: number, minimum: 1e308}",
        "{type: string, minLength: 1e300}",
        "{type: integer, example: " + "9" * 5000 + "}",
    ],
)
def test_a_schema_of_any_kind_gives_a_scenario(loadctl: Loadctl, write: Write, schema: str) -> None:
    parameter = f"{{in: query, name: q, required: true, schema: {schema}}}"
    write(
        "o.yaml", f"openapi: 3.0.0\npaths: {{/a: {{get: {{parameters: [{parameter}], responses: {{}}}}}}}}\n"
    )
    assert (loadctl("init", "o.yaml").code, loadctl("validate").code) == (0, 0)


@pytest.mark.parametrize("tag", ["!!timestamp 2020-01-01", "!!bool foo"])
def test_a_tag_is_refused_with_its_place(loadctl: Loadctl, write: Write, tag: str) -> None:
    write("o.yaml", f"openapi: 3.0.0\npaths: {{/a: {tag}}}\n")
    said = loadctl("init", "o.yaml")
    assert (said.code, "o.yaml:2:13  the tag" in said.err) == (2, True), said.err


def test_an_address_that_no_document_can_mean_is_passed_over(loadctl: Loadctl, write: Write) -> None:
    scheme = "securitySchemes: {o: {type: oauth2, flows: {password: {tokenUrl: 'http://[x', scopes: {}}}}}"
    paths = "paths: {/a: {get: {security: [{o: []}], responses: {}}}}"
    write("o.yaml", f"openapi: 3.0.0\ncomponents: {{{scheme}}}\nsecurity: [{{o: []}}]\n{paths}\n")
    assert loadctl("init", "o.yaml").code == 0


def test_aliases_that_laugh_are_refused_soon(loadctl: Loadctl, write: Write) -> None:
    laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    write("o.yaml", f"openapi: 3.0.0\n{laughs}paths: {{/a: {{get: {{example: *i}}}}}}\n")
    begun = time.process_time()
    said = loadctl("init", "o.yaml")
    assert (said.code, "expand to more than" in said.err) == (2, True), said.err
    assert time.process_time() - begun < MOST_SECONDS


def test_the_users_of_a_locustfile_take_turns_by_any_weights() -> None:
    from loadctl.engines.locust.inside.load.schedule import rotation

    class A:
        weight, fixed_count = 999_999_937, 0

    class B:
        weight, fixed_count = 999_999_929, 0

    class C:
        weight, fixed_count = 1, 10**9

    kind_of = rotation([A, B])
    assert [kind_of(k).__name__ for k in range(6)] == ["A", "B", "A", "B", "A", "B"]
    assert rotation([A, C])(1000) is C
