"""Scripts of the kinds that users of Artillery write, unmodified: run as they are, counted to the last request."""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from loadctl.engines.artillery.engine import ArtilleryEngine
from tests.e2e.shell import all_gone, wait_for
from tests.engines.conftest import closed, opened
from tests.engines.script_folder import HEAD, TWENTY, Folder, finished

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer


def test_a_script_with_a_payload_of_csv(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  payload: {path: users.csv, fields: [user]}\n"
        "scenarios:\n  - flow:\n      - post: {url: '/echo/{{ user }}', json: {user: '{{ user }}'}}\n",
        users__csv="ann\nbob\n",
    )
    said = finished(folder.run())
    assert said.totals["planned"] == said.totals["begun"] == said.totals["turns"] == 20
    assert set(server.count) == {"POST /echo/ann", "POST /echo/bob"}
    assert said.totals["completed"] == sum(server.count.values()) == 20


def test_a_script_with_a_processor_and_captures(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  processor: ./steps.js\n"
        "scenarios:\n  - beforeScenario: begin\n    flow:\n"
        "      - get: {url: /sleep/20, capture: {json: $.ok, as: ok}, name: first}\n"
        "      - function: note\n"
        "      - get: {url: '/sleep/{{ ms }}', ifTrue: ok}\n"
        "      - get: {url: /echo, capture: {json: $.missing, as: x}, name: strict}\n"
        "      - get: {url: /never}\n",
        steps__js="module.exports = {begin(ctx, ee, done) { ctx.vars.ms = 5; done(); }, note: async (ctx) => {}};",
    )
    said = finished(folder.run())
    assert said.ok("first") == server.count["GET /sleep/20"] == 20
    assert said.ok("GET /sleep/{ms}") == server.count["GET /sleep/5"] == 20
    assert said.errors("strict") == {"check_failed": 20}
    assert server.count["GET /never"] == 0
    cells = [cell for cell in said.cells("first") if "ok" in cell]
    assert min(cell["ok"]["min_us"] for cell in cells) >= 20_000


def test_several_weighted_scenarios_that_judge_themselves(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  plugins: {ensure: {}}\n  ensure: {thresholds: [{http.codes.200: 1}]}\n"
        "scenarios:\n  - {name: a, weight: 3, flow: [{get: {url: /sleep/1}}]}\n"
        "  - {name: b, weight: 1, flow: [{get: {url: /status/500}}, {get: {url: /sleep/2}}]}\n",
    )
    said = finished(folder.run())
    assert said.totals["completed"] == sum(server.count.values())
    assert said.errors("GET /status/500") == {"status_500": server.count["GET /status/500"]}
    assert server.count["GET /sleep/2"] == server.count["GET /status/500"]
    [judged] = said.of("script")
    assert (judged["what"], judged["code"]) == ("verdict", 1)
    assert judged["why"] == "not met: http.codes.200 < 1"


def test_a_processor_in_typescript_and_an_environment(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml="config:\n  target: http://127.0.0.1:1\n  processor: ./steps.ts\n  environments:\n    here:\n"
        "      target: TARGET\n"
        "      phases: [{duration: 1, arrivalRate: 5, name: warm up}, {duration: 1, arrivalRate: 5}]\n"
        "scenarios:\n  - flow:\n      - function: step\n      - get: {url: '/echo/{{ word }}', name: word}\n",
        steps__ts="export const step = (ctx: any, ee: unknown, done: () => void): void => "
        "{ ctx.vars.word = 'hi'; done(); };",
    )
    said = finished(folder.run(script={"environment": "here"}))
    assert said.ok("word") == server.count["GET /echo/hi"] == 10


def test_closed_load_keeps_the_number_of_users_through_failures(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD + "scenarios:\n  - {weight: 1, flow: [{get: {url: /reset}}, {get: {url: /never}}]}\n"
        "  - {weight: 9, flow: [{get: {url: /sleep/50}}, {think: 100ms}]}\n"
    )
    said = finished(folder.run(closed((6, 6, 2), (2, 2, 2))))
    assert [line["users"] for line in said.frames[:4]] == [6, 6, 2, 2]
    assert said.ok("GET /sleep/50") == server.count["GET /sleep/50"] > 60
    assert said.errors("GET /reset") == {"reset": server.count["GET /reset"]}
    assert server.count["GET /never"] == 0


def test_users_whose_script_breaks_as_they_begin_leave_time_to_say_so(folder: Folder) -> None:
    """Each makes room for another as it ends: fifty at once would be fifty times fifty in the next moment."""
    folder.write(
        script__yml=HEAD + "  processor: ./steps.js\n"
        "scenarios: [{beforeScenario: begin, flow: [{get: {url: /never}}]}]\n",
        steps__js="module.exports = {begin(ctx) { ctx.no.thing(); }};",
    )
    said = finished(folder.run(closed((50, 50, 2))))
    assert said.totals["faults"] == said.totals["turns"] > 100
    assert said.totals["started"] == 0


def test_open_load_counts_from_the_due_time_and_drops(folder: Folder, server: KnownServer) -> None:
    folder.write(script__yml=HEAD + "scenarios:\n  - flow: [{get: {url: /sleep/2}}]\n")
    shard = folder.begin(opened((7.5, 7.5, 4)))
    shard.sleep_until(1.0)
    server.stall(0.6)
    said = finished(shard.result(40))
    assert said.totals["planned"] == said.totals["begun"] == 30 == said.ok("GET /sleep/2")
    assert max(cell["ok"]["max_us"] for cell in said.cells("GET /sleep/2")) > 400_000


def test_latency_is_to_the_last_byte_with_redirects_and_a_304_ends(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(
        script__yml=HEAD
        + TWENTY
        + "scenarios:\n  - flow: [{get: {url: /status/304}}, {get: {url: /sleep/1}}]\n"
    )
    said = finished(folder.run())
    assert said.ok("GET /status/304") == server.count["GET /status/304"] == 20
    assert said.ok("GET /sleep/1") == 20


@pytest.mark.parametrize(
    ("processor", "words"),
    [
        (
            "module.exports = {step() { process.exit(0); }};",
            "Artillery's worker ended in the middle of the load (exit 0)",
        ),
        (
            "module.exports = {step() { setTimeout(() => { throw new Error('later'); }, 50); }};",
            "Error: later (",
        ),
    ],
)
def test_a_script_that_breaks_the_engine_is_its_failure_in_its_own_words(
    folder: Folder, processor: str, words: str
) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  processor: ./steps.js\n"
        "scenarios:\n  - flow: [{get: {url: /sleep/1}}, {function: step}]\n",
        steps__js=processor,
    )
    said = folder.run()
    outcome = ArtilleryEngine().outcome(said.returncode or 0, said.stderr)
    assert outcome.kind == "failed"
    assert words in (outcome.reason or ""), said.stderr
    assert not said.of("bye")


@pytest.mark.parametrize(
    ("name", "processor", "words"),
    [
        ("steps.js", "throw new Error('no database');", "Error: no database ("),
        (
            "steps.js",
            "console.log('no licence'); process.exit(0);",
            "Artillery's worker ended before the load (exit 0); it printed: no licence",
        ),
        ("steps.ts", "import x from 'not-there'; export const f = x;", 'Could not resolve "not-there" ('),
        (
            "steps.js",
            "module.exports = {begin(context, events, next) { next(new Error('no account')); }};",
            "your script failed before the load: Error: no account (steps.js:1)",
        ),
        (
            "steps.js",
            "module.exports = {begin() { process.exit(0); }};",
            "your script ended the process before the load (exit 0, steps.js:1)",
        ),
    ],
)
def test_a_script_that_ends_before_the_load_refuses_it_at_once(
    folder: Folder, server: KnownServer, name: str, processor: str, words: str
) -> None:
    before = "before: {flow: [{function: begin}]}\n" if "begin" in processor else ""
    folder.write(
        script__yml=f"{HEAD}{TWENTY}  processor: ./{name}\n{before}"
        "scenarios: [{flow: [{get: {url: /sleep/1}}]}]\n",
        **{name.replace(".", "__"): processor},
    )
    said = folder.run()
    outcome = ArtilleryEngine().outcome(said.returncode or 0, said.stderr)
    assert outcome.kind == "refused"
    assert words in (outcome.reason or ""), said.stderr
    assert not said.of("hello")
    assert not server.count["GET /sleep/1"]


@pytest.mark.parametrize(
    ("processor", "told"),
    [
        (
            "module.exports = {end(context, events, next) { next(new Error('not logged out')); }};",
            {"what": "fault", "message": "Error: not logged out", "where": "steps.js:1"},
        ),
        ("module.exports = {end() { process.exit(5); }};", {"what": "verdict", "code": 5, "why": ""}),
    ],
)
def test_what_a_script_says_in_its_last_hook_is_told_and_costs_nothing(
    folder: Folder, processor: str, told: dict[str, object]
) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  processor: ./steps.js\nafter: {flow: [{function: end}]}\n"
        "scenarios: [{flow: [{get: {url: /sleep/1}}]}]\n",
        steps__js=processor,
    )
    said = finished(folder.run())
    [line] = said.of("script")
    assert told.items() <= line.items()
    assert said.totals["completed"] == 20


def test_arrivals_beyond_maxvusers_are_not_missing(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD + "  phases: [{duration: 1, arrivalRate: 20, maxVusers: 3}]\n"
        "scenarios: [{flow: [{get: {url: /sleep/300}}]}]\n"
    )
    said = finished(folder.run())
    sent = server.count["GET /sleep/300"]
    assert 3 <= sent < 20
    assert said.totals["planned"] == said.totals["begun"] == sent
    assert said.totals["dropped"] == 0
    assert f"{20 - sent} arrivals were skipped" in said.notes


GIVES = "let n = 0; module.exports = {step(ctx, ee, done) { n += 1; if (n % 3 === 0) ctx.no.thing(); done(GIVEN); }};"
THROWS = "let n = 0; module.exports = {async step() { n += 1; throw GIVEN; }};"


@pytest.mark.parametrize(
    ("processor", "given", "words"),
    [
        (
            GIVES,
            "n % 3 === 1 ? new Error('my bug') : {message: 'no token', code: 7}",
            [
                "Error: my bug (steps.js:1)",
                "no token (steps.js)",
                "TypeError: Cannot read properties of undefined (reading 'thing') (steps.js:1)",
            ],
        ),
        (
            THROWS,
            "n % 3 === 1 ? new RangeError('mine') : n % 3 === 2 ? {reason: 'quota'} : 'words'",
            ["RangeError: mine (steps.js:1)", "{ reason: 'quota' } (steps.js)", "words (steps.js)"],
        ),
    ],
    ids=["callbacks", "promises"],
)
def test_an_error_of_a_step_is_the_scripts_own_fault(
    folder: Folder, server: KnownServer, processor: str, given: str, words: list[str]
) -> None:
    folder.write(
        script__yml=HEAD + TWENTY + "  processor: ./steps.js\n"
        "scenarios:\n  - flow: [{get: {url: /sleep/1}}, {function: step}]\n",
        steps__js=processor.replace("GIVEN", given),
    )
    said = finished(folder.run())
    assert [example["message"] for example in said.of("example")] == words
    assert said.totals["faults"] == 20
    assert said.totals["failed"] == 0
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] == 20


def test_nobody_listens(folder: Folder) -> None:
    folder.write(script__yml=HEAD + TWENTY + "scenarios:\n  - flow: [{get: {url: /}}]\n")
    said = finished(folder.run(host="http://127.0.0.1:1"))
    assert said.errors("GET /") == {"connect_refused": 20}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_load_and_nothing_is_lost(
    folder: Folder, server: KnownServer, number: signal.Signals
) -> None:
    folder.write(
        script__yml=HEAD
        + "  phases: [{duration: 30, arrivalRate: 10}]\nscenarios:\n  - flow: [{get: {url: /sleep/300}}]\n"
    )
    shard = folder.begin()
    shard.sleep_until(2.0)
    shard.process.send_signal(number)
    asked = time.monotonic()
    said = shard.result(40)
    assert said.ended - asked < 4
    assert ArtilleryEngine().outcome(said.returncode or 0, "").kind == "stopped"
    assert said.totals["completed"] == server.count["GET /sleep/300"] >= 15
    assert not said.bye["unfinished"]


def test_a_shard_and_what_its_script_started_leave_when_loadctl_is_gone(folder: Folder) -> None:
    """The pipe closes; a function that never ends holds only its own thread up."""
    folder.write(
        script__yml=HEAD
        + TWENTY
        + "  processor: ./steps.js\nscenarios: [{flow: [{function: step}, {think: 60}]}]\n",
        steps__js="module.exports = {step() { const {spawn} = require('child_process');"
        " console.error('started', spawn('sleep', ['60']).pid); while (true); }};",
    )
    shard = folder.begin()
    wait_for(lambda: "started" in shard.stderr.read_text() or None, 10)
    started = [psutil.Process(int(pid)) for pid in re.findall(r"started (\d+)", shard.stderr.read_text())]
    assert shard.process.stdin is not None
    shard.process.stdin.close()
    shard.process.wait(5)
    assert all_gone(started)
