"""`loadctl init`: from a service to a scenario that can be tried and run, without touching what is there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Loadctl
from tests.dripping import dripping, soon

Write = Callable[[str, str], Path]


def test_the_first_minute(loadctl: Loadctl, demo_host: str) -> None:
    said = loadctl("init", demo_host)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "Read /openapi.json: ML platform (loadctl demo) 1.0.0: 5 operations"
    assert lines[1] == "Wrote scenarios/api.yaml: 20 users for 1 min"
    assert any(line.split()[:4] == ["POST", "/predict", "weight", "10"] for line in lines)
    assert lines[-1] == "Next: loadctl try        each request once, no load"
    assert all(len(line) <= 80 for line in lines)
    assert loadctl("try", "-q").out.startswith("5 of 5 answered as expected.")
    assert loadctl("validate", "-q").out == "1 of 1 valid\n"
    ran = loadctl("run", "--duration", "6s", "--smoke", "-q")
    assert ran.code == 0, ran
    assert ran.out.startswith("PASS")


def test_nothing_is_overwritten(loadctl: Loadctl, write: Write, demo_host: str) -> None:
    path = write("scenarios/api.yaml", "mine")
    said = loadctl("init", demo_host)
    assert (said.code, said.out) == (2, "")
    assert "scenarios/api.yaml is already there\n--name NAME" in said.err
    assert path.read_text() == "mine"
    assert (
        loadctl("init", demo_host, "--name", "other")
        .out.splitlines()[-1]
        .startswith("Next: loadctl try other ")
    )


def test_nothing_else_is_written_but_what_editors_check_it_by(
    loadctl: Loadctl, folder: Path, demo_host: str
) -> None:
    loadctl("init", demo_host)
    schema = "scenarios/.scenario.schema.json"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert found == {"scenarios", "scenarios/api.yaml", schema}
    assert json.loads((folder / schema).read_text()) == json.loads(loadctl("schema", "scenario").out)
    first = (folder / "scenarios/api.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=.scenario.schema.json"
    assert "schema" not in loadctl("list").out


def test_without_a_service_there_is_a_scenario_to_edit(loadctl: Loadctl, folder: Path) -> None:
    said = loadctl("init")
    assert said.code == 0
    assert said.out.startswith("No OpenAPI document: one GET only\nWrote scenarios/api.yaml")
    assert "http://localhost:8080" in (folder / "scenarios/api.yaml").read_text()
    assert loadctl("validate").code == 0


def test_a_service_without_a_description_gets_the_path_that_was_named(
    loadctl: Loadctl, folder: Path, plain_service: str
) -> None:
    assert loadctl("init", f"{plain_service}/health").code == 0
    text = (folder / "scenarios/api.yaml").read_text()
    assert f"host: {plain_service}\n" in text
    assert "- get: /health" in text


@pytest.mark.parametrize("name", ["openapi.json", "openapi.yaml"])
def test_a_file_describes_a_service_elsewhere(
    loadctl: Loadctl, write: Write, folder: Path, demo_host: str, name: str
) -> None:
    write(name, httpx.get(f"{demo_host}/openapi.json").text)  # JSON is YAML
    said = loadctl("init", name, "-H", demo_host)
    assert said.code == 0
    assert said.out.startswith(f"Read {name}: ML platform")
    assert loadctl("try", "-q").code == 0


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (
            ["http://127.0.0.1:9"],
            "http://127.0.0.1:9/openapi.json cannot be read: nothing listens there",
            "start",
        ),
        (["http://nowhere.invalid"], "cannot be read", ""),
        (["http://"], "http:// is not a URL", ""),
        (["nothing.json"], "cannot read nothing.json: No such file", ""),
        (["localhost:8000"], "there is no file localhost:8000", "loadctl init http://localhost:8000"),
        (["broken.json"], "broken.json:1:2  this is not JSON", ""),
        (["broken.yaml"], "broken.yaml:1:4  [ is never closed", ""),
        (["list.json"], "list.json is not an OpenAPI document", ""),
        (["latin.json"], "latin.json is not UTF-8", ""),
        (["list.json", "--name", "../x"], "'../x' cannot be the name", "--name api"),
        (["list.json", "--name", "users"], "'users' cannot be the name", ""),
        (["list.json", "--host", "somewhere"], "somewhere is not a URL", "http://somewhere"),
    ],
)
def test_what_cannot_be_read_is_said(
    loadctl: Loadctl, write: Write, folder: Path, argv: list[str], message: str, hint: str
) -> None:
    write("broken.json", "{")
    write("broken.yaml", "a: [1")
    write("list.json", "[]")
    (folder / "latin.json").write_bytes(b'"\xe9"')
    said = loadctl("init", *argv)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert hint in said.err
    assert not (folder / "scenarios").exists()


def test_a_page_that_is_no_description_is_refused_when_it_was_named(
    loadctl: Loadctl, plain_service: str
) -> None:
    said = loadctl("init", f"{plain_service}/other.json")
    assert said.code == 2
    assert "other.json is not an OpenAPI document" in said.err


def test_a_description_without_end_is_not_waited_for(
    loadctl: Loadctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadctl.cli.commands.init._FETCH_S", 0.3)
    began = time.monotonic()
    with dripping() as url:
        said = loadctl("init", url)
    assert (said.code, "openapi.json cannot be read: no answer within" in said.err) == (2, True)
    assert soon(began, 0.3)


def test_a_folder_that_cannot_be_written_is_said(loadctl: Loadctl, write: Write) -> None:
    write("scenarios", "a file, no folder")
    said = loadctl("init")
    assert said.code == 2
    assert "cannot write scenarios/api.yaml" in said.err


@pytest.fixture(scope="module")
def plain_service() -> Iterator[str]:
    """A service whose pages are all the same, and no OpenAPI."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"path": self.path}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
