import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.prng import Stream
from loadctl.scenario.template import (
    HELPERS,
    check_template,
    endpoint_path,
    json_plan,
    parse,
    text_plan,
)
from loadctl.scenario.user_type import Json

texts = st.text(st.sampled_from("ab{}\"'( ),.1é")) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("no template", "no template"),
        ("", ""),
        ("a single { or }} is text", "a single { or }} is text"),
        ("{{ token }}", {"$expr": ["var", "token"]}),
        ("{{token}}", {"$expr": ["var", "token"]}),
        ("Bearer {{ token }}", {"$text": ["Bearer ", ["var", "token"]]}),
        (" {{ token }}", {"$text": [" ", ["var", "token"]]}),
        ("{{ a }}{{ b }}", {"$text": [["var", "a"], ["var", "b"]]}),
        ("{{ row.e-mail }}", {"$expr": ["get", ["var", "row"], "e-mail"]}),
        ("{{ user }}", {"$expr": ["var", "user"]}),
        ("{{ random_int(1, 500) }}", {"$expr": ["call", "random_int", [["lit", 1], ["lit", 500]]]}),
        ("{{ int(row.age) }}", {"$expr": ["call", "int", [["get", ["var", "row"], "age"]]]}),
        (
            "{{ random_choice(ids).name }}",
            {"$expr": ["get", ["call", "random_choice", [["var", "ids"]]], "name"]},
        ),
        ("{{ uuid() }}", {"$expr": ["call", "uuid", []]}),
        ("{{ -1.5 }}", "-1.5"),
        ("{{ 2.0 }}", "2"),
        ("{{ null }}", ""),
        ("{{ true }}", "true"),
        ("{{ 'it' }}", "it"),
        ('{{ "{{" }}', "{{"),
        ('{{ "{{" }} x }}', "{{ x }}"),
        ("{{ 'a }} b' }}!", "a }} b!"),
        ("n={{ 3 }}{{ null }}", "n=3"),
    ],
)
def test_a_text_compiles_to(text: str, plan: Json) -> None:
    assert text_plan(text) == plan
    assert check_template(text) is None


def test_a_body_compiles_with_its_shape_and_types() -> None:
    body: Json = {
        "model": "churn",
        "n": 1,
        "on": True,
        "none": None,
        "f": ["{{ random_floats(8) }}", "x{{ a }}"],
    }
    assert json_plan(body) == [
        '{"model":"churn","n":1,"on":true,"none":null,"f":[',
        {"$expr": ["call", "random_floats", [["lit", 8]]]},
        ",",
        {"$text": ["x", ["var", "a"]]},
        "]}",
    ]


def test_a_body_that_looks_like_a_plan_is_not_mistaken_for_one() -> None:
    plan = json_plan({"q": {"$expr": ["var", "{{ a }}"]}})
    assert plan == ['{"q":{"$expr":["var",', {"$expr": ["var", "a"]}, "]}}"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"10": 1, "2": 2, "a": {"1": 1, "0": 0}}, '{"10":1,"2":2,"a":{"1":1,"0":0}}'),
        (
            [12345678901234567890, -(2**63), 1.0, 1e-7, 1e16, 1e21],
            "[12345678901234567890,-9223372036854775808,1,1e-7,10000000000000000,1e+21]",
        ),
        (
            ["{{ 12345678901234567890 }}", "{{ '1' }}", "{{ null }}", "{{ 1 }}{{ 2 }}"],
            '[12345678901234567890,"1",null,"12"]',
        ),
        ({"": [[], {}, None, True, '\u2028\x7f"é']}, '{"":[[],{},null,true,"\u2028\x7f\\"é"]}'),
        ("", '""'),
    ],
)
def test_a_body_without_templates_is_ready_text(body: Json, text: str) -> None:
    assert json_plan(body) == [text]


@given(texts)
def test_any_text_can_be_sent_as_it_is_by_escaping_its_braces(text: str) -> None:
    assert text_plan(text.replace("{{", '{{ "{{" }}')) == text


@given(texts)
def test_any_text_either_compiles_or_gets_one_sentence(text: str) -> None:
    mistake = check_template(text)
    if mistake is None:
        json.dumps(text_plan(text))
    else:
        assert "\n" not in mistake


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ token", "{{ is never closed"),
        ("{{ 'a }}", "' is not understood in {{ 'a }}"),
        ("{{ }}", "{{ }} is empty"),
        ("{{ a | upper }}", "| is not understood"),
        ("{{ a + 1 }}", "+ is not understood"),
        ("{{ ids[0] }}", "[ is not understood"),
        ("{{ a b }}", "b is not understood"),
        ("{{ $uuid }}", "$ is not understood"),
        ("{{ random_int(1,,2) }}", ", is not understood"),
        ("{{ random_int(1 2) }}", "2 is not understood"),
        ("{{ random_int(1, 2 }}", "}} is not understood"),
        ("{{ 1x }}", "1 is not understood"),
        ("{{ rand_int(1, 2) }}", "there is no helper rand_int(); did you mean random_int(low, high)?"),
        ("{{ randint(1, 2) }}", "did you mean random_int(low, high)?"),
        ("{{ uuid4() }}", "did you mean uuid()?"),
        ("{{ choice(a) }}", "did you mean random_choice(list)?"),
        ("{{ sha256(a) }}", "there is no helper sha256(); there are random_int, random_float,"),
        ("x {{ int(rand(1)) }}", "there is no helper rand()"),
        ("{{ random_int(1) }}", "random_int() takes 2 arguments, not 1; write random_int(low, high)"),
        ("{{ uuid(4) }}", "uuid() takes no argument, not 1"),
        ("{{ int() }}", "int() takes 1 argument, not 0"),
        ("{{ random_int(9, 1) }}", "the smaller one first"),
        ("{{ random_int(1, 9007199254740993) }}", "takes no whole number beyond ±9007199254740991"),
        ("{{ 1e999 }}", "1e999 is too large a number"),
        ("{{ " + "7" * 5000 + " }}", "7777777777777777777… is too large a number"),
        ("{{ random_int('1', 9) }}", "needs two numbers"),
        ("{{ env.TOKEN }}", "write ${NAME}"),
        ("{{ user.name }}", "user is a number"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(text: str, message: str) -> None:
    assert message in (check_template(text) or "no mistake")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/items", "/items"),
        ("/items?page=2", "/items"),
        ("/items#top", "/items"),
        ("/items/{{ id }}", "/items/{id}"),
        ("/items/{{ row.id }}/x", "/items/{id}/x"),
        ("/items/{{ id }}?q={{ random_int(1, 2) }}", "/items/{id}"),
        ("/v{{ 2 }}/items", "/v2/items"),
        ("{{ next }}", "{next}"),
        ("https://other.example:8443/token?x=1", "/token"),
        ("http://other.example", "/"),
        ("?a=1", "/"),
    ],
)
def test_the_path_that_names_an_endpoint(url: str, path: str) -> None:
    assert endpoint_path(url) == path


def test_a_call_in_a_path_needs_a_name() -> None:
    with pytest.raises(ValueError, match="a call in a path needs name: random_int"):
        endpoint_path("/items/{{ random_int(1, 500) }}")


def test_the_documented_helpers_are_those_that_exist() -> None:
    drawing = {name for name in HELPERS if hasattr(Stream, name)}
    assert drawing == {name for name in vars(Stream) if name.startswith("random_")} | {"uuid"}
    assert set(HELPERS) - drawing == {"int", "float", "str", "now", "timestamp"}


@given(texts)
def test_parsing_never_hangs_or_breaks_on_nested_calls(text: str) -> None:
    assert parse(f"{{{{ str({json.dumps('x')}) }}}}").whole is not None
    check_template("{{ " + "int(" * 20 + text)
