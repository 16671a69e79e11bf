"""What Artillery makes of an answer belongs to its request; and what is left when the load ends."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from loadctl.engines.artillery.engine import ArtilleryEngine
from tests.engines.conftest import closed
from tests.engines.script_folder import HEAD, TWENTY, Folder, finished

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer


def test_a_capture_that_fails_on_a_packed_answer_is_a_failed_check(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD
        + TWENTY
        + "scenarios:\n  - flow: [{get: {url: /gzip, capture: {json: $.missing, as: x}}}, {get: {url: /never}}]\n"
    )
    said = finished(folder.run())
    assert said.errors("GET /gzip") == {"check_failed": 20}
    assert server.count["GET /gzip"] == 20
    assert said.totals["faults"] == server.count["GET /never"] == 0


def test_users_that_share_connections_and_steps_side_by_side_are_told_apart(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  http: {pool: 3}\nscenarios:\n"
        "  - flow:\n      - parallel: [{get: {url: /sleep/30}}, {get: {url: /sleep/10}}, {get: {url: /status/404}}]\n"
        "  - flow: [{loop: [{get: {url: '/echo/{{ $loopElement }}?x=1'}}], over: [a, b, c]}]\n"
    )
    said = finished(folder.run())
    sides = server.count["GET /sleep/30"]
    assert said.ok("GET /sleep/30") == said.ok("GET /sleep/10") == server.count["GET /sleep/10"] == sides
    assert said.errors("GET /status/404") == {"status_404": sides}
    assert said.ok("GET /echo/{loopElement}") == 3 * (20 - sides) == 3 * server.count["GET /echo/b"]
    assert min(cell["ok"]["min_us"] for cell in said.cells("GET /sleep/30") if "ok" in cell) >= 30_000


def test_expectations_of_the_script_are_failed_checks_in_its_words(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  plugins: {expect: {}}\nscenarios:\n  - flow:\n"
        "      - get: {url: /sleep/1, expect: [{statusCode: 201}]}\n"
        "      - get: {url: /echo, expect: [{statusCode: 200}]}\n"
    )
    said = finished(folder.run())
    assert said.errors("GET /sleep/1") == {"check_failed": 20}
    assert said.ok("GET /echo") == server.count["GET /echo"] == 20
    assert "expectation failed: statusCode: expected 201, got 200" in said.of("example")[0]["message"]
    [judged] = said.of("script")
    assert (judged["code"], judged["why"]) == (21, "20 expectations were not met")


def test_a_body_that_takes_too_long_is_a_timeout_and_ends_its_user(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD
        + TWENTY
        + "scenarios:\n  - flow: [{get: {url: /late-body/1500}}, {get: {url: /never}}]\n"
    )
    said = finished(folder.run(timeout_s=0.5))
    assert said.errors("GET /late-body/1500") == {"timeout": 20}
    assert server.count["GET /never"] == 0


def test_a_hook_that_breaks_after_an_answer_is_the_scripts_fault_not_the_systems(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  processor: ./steps.mjs\nscenarios:\n  - flow:\n"
        "      - function: nowhere\n      - get: {url: /sleep/1, beforeRequest: [gone], afterResponse: later}\n",
        steps__mjs="export async function later() { throw new Error('my bug'); }",
    )
    said = finished(folder.run())
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] == 20
    assert said.totals["faults"] == 20
    assert 'Undefined function "nowhere"' in said.notes
    assert "the script's hook gone is not in its processor" in said.notes
    assert "hook later" not in said.notes


def test_users_of_own_phases_end_by_themselves_as_in_artillery(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD + "  phases: [{duration: 1, arrivalCount: 3}]\n"
        "scenarios:\n  - flow: [{loop: [{get: {url: /sleep/10}}, {think: 100ms}], count: 25}]\n"
    )
    said = finished(folder.run(drain_s=0.5))
    assert said.ok("GET /sleep/10") == server.count["GET /sleep/10"] == 75
    assert said.totals["turns"] == 3
    assert "went on for" in said.notes


def test_the_end_of_the_load_ends_users_after_their_request_and_the_after_hook_still_runs(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD
        + "before:\n  flow: [{get: {url: /before}}]\nafter:\n  flow: [{get: {url: /after}}]\n"
        "scenarios:\n  - flow: [{loop: [{get: {url: /sleep/100}}]}]\n"
    )
    said = finished(folder.run(closed((5, 5, 2))))
    assert said.ok("GET /sleep/100") == server.count["GET /sleep/100"] >= 50
    assert not said.bye["unfinished"]
    assert said.totals["faults"] == said.totals["failed"] == 0
    assert server.count["GET /before"] == server.count["GET /after"] == 1
    assert said.totals["completed"] == server.count["GET /sleep/100"]
    assert said.ended - said.t0 < 2 + 6


def test_a_script_that_is_stopped_runs_its_after_hook(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD
        + "  phases: [{duration: 30, arrivalRate: 10}]\nafter:\n  flow: [{get: {url: /after}}]\n"
        "scenarios:\n  - flow: [{get: {url: /sleep/300}}, {think: 10}]\n"
    )
    shard = folder.begin()
    shard.sleep_until(1.5)
    shard.process.send_signal(signal.SIGINT)
    said = shard.result(40)
    assert ArtilleryEngine().outcome(said.returncode or 0, "").kind == "stopped"
    assert server.count["GET /after"] == 1
    assert said.totals["completed"] == server.count["GET /sleep/300"] >= 10
    assert not said.bye["unfinished"]
