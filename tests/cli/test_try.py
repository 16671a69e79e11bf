"""`loadctl try` against the demo system: the same runtime as a run, every request once."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Loadctl
from tests.e2e.shell import Shell, all_gone, wait_for
from tests.engines.scripted import Server

Write = Callable[[str, str], Path]

API = """
host: {host}
start:
  - post: /login
    form: {{user: demo, password: "${{PASSWORD:-hidden-99}}"}}
    capture: {{token: $.token}}
headers: {{Authorization: "Bearer {{{{ token }}}}"}}
tasks:
  - post: /predict
    json: {{model: churn, features: [0], note: "${{PASSWORD:-hidden-99}}"}}
    check: {{status: 2xx}}
  - get: /models
    check: {{has: items}}
  - name: browse
    flow:
      - get: /models
        capture: {{ids: "$.items[*].id"}}
      - repeat: 20
        while: ids
        flow:
          - get: /models/{{{{ random_choice(ids) }}}}
            name: GET /models/{{id}}
          - think: 10ms
      - get: /health
load: [{{users: 2, for: 5s}}]
"""
GOOD = "host: {host}\ntasks: [{{get: /models}}, {{get: /health}}]\nload: [{{users: 2, for: 5s}}]\n"


def test_each_request_is_shown_with_what_failed_and_where(
    loadctl: Loadctl, write: Write, demo_host: str
) -> None:
    write("scenarios/api.yaml", API.format(host=demo_host))
    said = loadctl("try")
    assert (said.code, said.err) == (1, "")
    lines = said.out.splitlines()
    assert lines[0] == f"api on {demo_host}: one user, each request once"
    assert [line.split()[0:3] for line in lines if line.startswith("  ") and not line.startswith("   ")] == [
        ["POST", "/login", "200"],
        ["POST", "/predict", "422"],
        ["GET", "/models", "200"],
        ["GET", "/models", "200"],
        ["GET", "/models/{id}", "200"],
        ["GET", "/models/{id}", "200"],  # a loop with a condition, at most twice
        ["GET", "/health", "200"],
    ]
    at = next(n for n, line in enumerate(lines) if "/predict" in line)
    assert "expected 2xx" in lines[at]
    assert lines[at].endswith("scenarios/api.yaml:9")
    assert lines[at + 1] == '       sent      {"model":"churn","features":[0],"note":"***"}'
    assert lines[at + 2] == "       received  features: must be a list of 8 finite numbers"
    assert '       captured  token = "***"' in lines
    assert "session-demo" not in said.out
    assert lines[-1] == "1 of 7 failed."
    assert all(len(line) <= 80 for line in lines)
    assert "hidden-99" not in said.out


def test_when_all_is_well_the_next_step_is_named(loadctl: Loadctl, write: Write, demo_host: str) -> None:
    write("scenarios/api.yaml", GOOD.format(host=demo_host))
    said = loadctl("try", "api", "-q")
    assert said.code == 0
    assert said.out == "2 of 2 answered as expected.   Next: loadctl run api --duration 30s\n"


def test_quiet_names_the_first_failure(loadctl: Loadctl, write: Write, demo_host: str) -> None:
    write("scenarios/api.yaml", API.format(host=demo_host))
    assert loadctl("try", "-q").out == "1 of 7 failed: POST /predict (422), scenarios/api.yaml:9.\n"


def test_json_holds_all_that_was_sent_and_received_but_no_secret(
    loadctl: Loadctl, write: Write, demo_host: str
) -> None:
    write("scenarios/api.yaml", API.format(host=demo_host))
    said = loadctl("try", "--json")
    assert said.code == 1
    document = said.document
    assert (document["expected"], document["failed"], document["skipped"]) == (6, 1, 0)
    login, predict = document["requests"][:2]
    assert login["url"] == f"{demo_host}/login"
    assert login["sent_body"] == "user=demo&password=***"
    assert login["captured"] == {"token": '"***"'}
    assert "session-demo" not in said.out
    assert predict["sent_headers"]["Authorization"] == "***"
    assert (predict["status"], predict["error"], predict["outcome"]) == (422, "status_422", "failed")
    assert predict["where"] == "scenarios/api.yaml:9:5"
    assert predict["latency_ms"] > 0
    assert '"loc"' in predict["received_body"]
    assert "hidden-99" not in said.out


def test_without_its_start_steps_no_user_goes_on(loadctl: Loadctl, write: Write, demo_host: str) -> None:
    write("scenarios/api.yaml", API.format(host=demo_host).replace("/login", "/logn"))
    said = loadctl("try")
    assert said.code == 1
    assert said.out.count("not sent: its start steps failed") == 5
    assert said.out.endswith("1 of 1 failed, 5 not sent.\n")


def test_a_flow_ends_where_a_capture_finds_nothing(loadctl: Loadctl, write: Write, demo_host: str) -> None:
    write("scenarios/api.yaml", API.format(host=demo_host).replace("$.items[*].id", "$.nothing"))
    document = loadctl("try", "--json").document
    by_endpoint = {request["endpoint"]: request for request in document["requests"]}
    # `ids` is what a while looks at, so finding nothing is no failure: the loop ends at once.
    assert by_endpoint["GET /models/{id}"]["message"] == "ids is empty, so the loop ends at once"
    assert by_endpoint["GET /health"]["outcome"] == "expected"
    write("scenarios/api.yaml", API.format(host=demo_host).replace("$.token", "$.nothing"))
    document = loadctl("try", "--json").document
    assert document["requests"][0]["message"] == "capture token: $.nothing found nothing"
    assert document["skipped"] == 5


def test_all_user_types_are_tried_each_by_a_user_of_its_own(loadctl: Loadctl, demo_host: str) -> None:
    said = loadctl("try", "spike", "-H", demo_host)
    assert said.code == 0
    assert "BurstLoadUser\n  POST /login" in said.out
    assert "MLPlatformUser\n  POST /login" in said.out
    assert said.out.endswith("8 of 8 answered as expected.   Next: loadctl run spike --duration 30s\n")


def test_a_url_alone_can_be_tried(loadctl: Loadctl, demo_host: str) -> None:
    said = loadctl("try", f"{demo_host}/health")
    assert said.code == 0
    assert "GET /health  200" in said.out
    assert said.out.endswith(f"Next: loadctl run {demo_host}/health -u 10 -t 30s\n")


def test_the_demo_system_and_its_faults_can_be_tried(loadctl: Loadctl) -> None:
    said = loadctl("try", "baseline", "--demo", "--fault", "errors=100%")
    assert said.code == 1
    assert "(packaged) users.yaml:6" in said.out
    assert loadctl("try", "baseline", "--demo", "--fault", "nonsense").code == 2


def test_a_closed_port_is_an_error_that_names_it(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/api.yaml", GOOD.format(host="http://127.0.0.1:9"))
    said = loadctl("try")
    assert said.code == 4
    assert said.err.startswith("ERROR  nothing listens on 127.0.0.1:9; nothing was sent\n")
    assert said.out == "api on http://127.0.0.1:9: one user, each request once\n"
    document = loadctl("try", "--json").document
    assert (document["failed"], document["skipped"]) == (1, 1), "one look is enough"


def test_an_unknown_name_is_an_error(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/api.yaml", GOOD.format(host="http://nowhere.invalid:80") + "allow_hosts: ['*']\n")
    said = loadctl("try", "-q")
    assert (said.code, said.out) == (4, "")
    assert "nowhere.invalid" in said.err


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts, reads, never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def test_a_body_is_shown_in_its_own_characters(loadctl: Loadctl, write: Write) -> None:
    answers = [
        ("Content-Type: text/plain; charset=iso-8859-1", "ñ".encode("latin-1")),
        ("Content-Type: text/plain; charset=utf-16", "ñ".encode("utf-16")),
        ("Content-Encoding: zstd", b"(\xb5/\xfd"),
    ]
    answer = "HTTP/1.1 200 OK\r\n{}\r\nContent-Length: {}\r\n\r\n"
    whole = [answer.format(header, len(body)).encode() + body for header, body in answers]
    with Server(lambda _, request: [whole[int(request[5:6])]]) as server:
        tasks = "tasks: [{get: /0}, {get: /1}, {get: /2}]"
        load = "load: [{users: 2, for: 5s}]"
        write("scenarios/api.yaml", f"host: {server.url}\nhealth: none\n{tasks}\n{load}\n")
        said = loadctl("try", "--json")
    assert said.code == 0
    bodies = [each["received_body"] for each in json.loads(said.out)["requests"]]
    packed = (
        "(the body is packed as zstd, which loadctl cannot unpack; ask for gzip or deflate (Accept-Encoding))"
    )
    assert bodies == ["ñ", "ñ", packed]


def test_a_timeout_says_how_long_it_was(loadctl: Loadctl, write: Write) -> None:
    with silent_server() as host:
        write("scenarios/api.yaml", GOOD.format(host=host) + "timeout: 200ms\n")
        said = loadctl("try")
    assert said.code == 1
    assert said.out.count("timeout: 0.2 s") == 2
    assert said.out.endswith("2 of 2 failed.\n")


def test_a_template_without_a_value_is_a_mistake_of_the_scenario(
    loadctl: Loadctl, write: Write, demo_host: str
) -> None:
    text = GOOD.format(host=demo_host).replace(
        "tasks: [",
        'tasks: [{get: "/models/{{ id }}", name: one}, {get: /models, capture: {id: "$.items[0].id"}}, ',
    )
    write("scenarios/api.yaml", text)
    said = loadctl("try")
    assert said.code == 1
    assert "not sent: id was not captured" in " ".join(said.out.split())
    assert said.out.endswith("1 of 4 failed.\n")


@pytest.mark.parametrize("reference", ["theirs", "theirs.py"])
def test_a_script_keeps_to_itself_what_it_sends(loadctl: Loadctl, write: Write, reference: str) -> None:
    write("theirs.py", "")
    write(
        "scenarios/theirs.yaml",
        "host: http://localhost\nlocustfile: ../theirs.py\nload: [{users: 1, for: 1s}]\n",
    )
    said = loadctl("try", reference, "-H", "http://localhost")
    assert (said.code, said.out) == (2, "")
    assert f"loadctl run {reference} --users 1" in said.err


def test_a_public_host_needs_consent_even_for_one_request(loadctl: Loadctl, write: Write) -> None:
    write("scenarios/api.yaml", GOOD.format(host="http://example.com"))
    said = loadctl("try")
    assert (said.code, said.out) == (2, "")
    assert "--allow-host example.com" in said.err


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_however_it_ends_no_process_is_left(tmp_path: Path, how: signal.Signals, code: int) -> None:
    shell = Shell(tmp_path)
    with silent_server() as host:
        shell.write("scenarios/api.yaml", GOOD.format(host=host))
        going = shell.start("try")
        children = wait_for(lambda: going.shards() or None, 20)
        going.signal(how)
        assert going.wait(10).code == code
        assert all_gone(children)


def test_a_secret_by_its_source_is_masked_wherever_it_comes_back(
    loadctl: Loadctl, write: Write, demo_host: str
) -> None:
    steps = "{post: /login, form: {user: demo, password: demo}, capture: {mine: $.access_token, kind: $.token_type}}"
    write(
        "scenarios/api.yaml",
        f"host: {demo_host}\nstart:\n  - {steps}\ntasks:\n"
        '  - get: "/models/{{ mine }}"\n    check: {status: 404}\nload: [{users: 1, for: 1s}]\n',
    )
    said = loadctl("try", "--json")
    login, model = said.document["requests"]
    assert set(login["captured"]) == {"mine", "kind"}
    assert login["captured"]["mine"] == '"***"'
    assert login["captured"]["kind"] != '"***"'
    assert model["url"] == f"{demo_host}/models/***"
    assert "session-demo" not in said.out
