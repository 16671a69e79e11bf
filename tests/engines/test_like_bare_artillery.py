"""Scripts as people write them (tests/artilleryscripts), run by bare Artillery and by loadctl: the same requests, and
what a script says of its run is the verdict. Few, because Artillery's command line takes four seconds to start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engines.bare import start_artillery
from tests.engines.side_by_side import HOST_IN_FILES, Server

if TYPE_CHECKING:
    from collections import Counter

    from loadctl.engines.artillery.locate import Artillery

FILES = Path(__file__).parents[1] / "artilleryscripts"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    requests: Counter[str]
    result: dict[str, Any]
    """Empty for bare Artillery."""

    def finding(self, name: str) -> dict[str, Any] | None:
        return next((finding for finding in self.result["findings"] if finding["id"] == name), None)


def both(artillery: Artillery, folder: Path, *arguments: str) -> tuple[Ended, Ended]:
    """How bare Artillery and loadctl end, at once, each against a server of its own."""
    going = []
    for name in ("bare", "loadctl"):
        server, place = Server(), folder / name
        shutil.copytree(FILES, place)
        for file in place.iterdir():
            host = HOST_IN_FILES.removeprefix("http://")
            file.write_text(file.read_text().replace(host, server.url.removeprefix("http://")))
        going.append((server, place))
    (bare, bare_folder), (ours, our_folder) = going
    processes = [
        (start_artillery(artillery, bare_folder, *arguments), bare, bare_folder),
        (_start_loadctl(our_folder, arguments), ours, our_folder),
    ]
    try:
        found = [_ended(process, server, place) for process, server, place in processes]
    finally:
        for process, server, _ in processes:
            process.kill()
            process.communicate()
            server.close()
    return found[0], found[1]


def _start_loadctl(folder: Path, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadctl", "run", *arguments, "--plain"],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith(("LOADCTL_", "LOCUST_"))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _ended(process: subprocess.Popen[str], server: Server, folder: Path) -> Ended:
    out, _ = process.communicate(timeout=90)
    result = next(folder.glob("runs/*/result.json"), None)
    return Ended(
        process.returncode, out, server.close()["requests"], json.loads(result.read_text()) if result else {}
    )


def test_all_that_a_flow_may_hold(artillery: Artillery, tmp_path: Path) -> None:
    bare, ours = both(artillery, tmp_path, "journeys.yml")
    assert bare.code == 0, bare.out
    assert ours.requests == bare.requests, ours.out
    assert ours.requests["GET /polls 200"] == 18
    assert ours.requests["GET /users/grace/user/ann/yes 200"] == 3
    assert ours.requests["POST /logout/true 200"] == 1
    hooks = 2
    redirected = ours.requests["GET /landed 200"]
    assert ours.result["counters"]["completed"] == ours.requests.total() - hooks - redirected
    assert ours.result["counters"]["failed"] == 0
    assert not [finding for finding in ours.result["findings"] if finding["id"].startswith("script")]


def test_what_the_script_expects_is_well_and_what_it_ensures_judges(
    artillery: Artillery, tmp_path: Path
) -> None:
    bare, ours = both(artillery, tmp_path, "judged.yml")
    assert bare.code == 1, bare.out
    assert bare.requests == ours.requests
    assert ours.requests["GET /status/503/not 503"] == 40
    assert ours.result["counters"]["failed"] == 0, ours.out
    assert ours.code == 1
    finding = ours.finding("script_verdict")
    assert finding is not None
    assert finding["message"] == "the script set exit code 1 (not met: http.codes.404 < 50)"


def test_options_of_the_command_line(artillery: Artillery, tmp_path: Path) -> None:
    options = {
        "-e": "staging",
        "-v": '{"seconds": 1, "from": "cli"}',
        "-p": "users.csv",
        "-c": "over.yml",
        "--dotenv": "variables.env",
        "--scenario-name": "brow",
        "--overrides": '{"config": {"variables": {"place": "over"}}}',
    }
    words = [word for option in options.items() for word in option]
    bare, ours = both(artillery, tmp_path, *words, "options.yml")
    assert bare.code == 0, bare.out
    assert bare.requests == ours.requests, ours.out
    assert ours.requests == {f"GET /{user}/cli/over/staging/eu/conf 200": 2 for user in ("ada", "grace")}
