"""Artillery as an engine: one Node process a shard, which reads its plan from standard input.

User types run on a custom engine (`inside/engine/`): each of Artillery's virtual users is a user of the plan, with
loadctl's own client. Users of Artillery's HTTP engine end with the first transport error and cannot be removed; its
client measures time to first byte, in whole milliseconds, and its timeout does not cover the body.
"""

from __future__ import annotations

import json
import mimetypes
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
from pathlib import Path
from urllib.parse import urlsplit

from loadctl.engines.artillery.locate import INSTALL, Artillery, Missing, artillery_environment, locate
from loadctl.engines.artillery.own_script import read_flows, read_own_script
from loadctl.engines.artillery.pattern import Untranslatable, to_javascript
from loadctl.engines.base import Command, Outcome, State
from loadctl.engines.shard_plan import shard_command, shard_plan
from loadctl.errors import InvalidInput, Mistake, RunError, UsageError, Where
from loadctl.scenario.consent import web_address
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.user_type import Json, Request

LAUNCH = Path(__file__).with_name("inside") / "launch.mjs"
EXIT_STOPPED = 10
EXIT_REFUSED = 20
EXIT_BEYOND = 30
_SMALL_PAUSES = ("--max-semi-space-size=2", "--min-semi-space-size=2")
"""Collections of a small young generation are short: with Node's own size p99 is up to 15 ms too high."""
_OWN_USERS_S = 600.0
"""Artillery waits for its last virtual user for ever; a run has to end."""
_REGEX = "regex "
_ERROR = re.compile(r"((?:[A-Z]\w*)?Error(?: \[\w+\])?: .+)$")
_PLACE = re.compile(r"^at .*?(?:\(|at )?(?:file://)?(?<![:\w])(/[^():]+:\d+)(?::\d+)?\)?$")
_YOURS = "your script "
_BEYOND = "this host is not allowed: "
_RAISED = f"{_YOURS}failed"
_COMPILER = re.compile(r"(\S+:\d+):\d+: ERROR: (.+)$")
_FILE_LINE = re.compile(r"(?:^|\s)(/\S+:\d+)$")
_NOISE = ("Test run id", "at ", "Node.js v", "}", "{", "code:", "url:")


class ArtilleryEngine:
    name = "artillery"
    install_hint = INSTALL

    def version(self) -> str | None:
        found = locate(os.environ)
        return found.version if isinstance(found, Artillery) else None

    def state(self, environ: Mapping[str, str]) -> State:
        found = locate(environ)
        if isinstance(found, Missing):
            return State(None, reason=found.reason, hint=found.hint)
        return State(found.version, where=f"{found.origin}, on Node {found.node_version}")

    def install(self, environ: Mapping[str, str], prefix: Path | None, say: Callable[[str], None]) -> Path:
        from loadctl.engines.artillery.install import install

        return install(environ, prefix, say)

    def plan(self, scenario: Scenario, out: Path, shards: int) -> tuple[Command, ...]:
        """Raises: RunError if Artillery is not there any more."""
        if shards > 1 and scenario.script is not None and scenario.script.own_load:
            raise UsageError(
                "the script's own phases cannot be split over several workers",
                hint="--workers 1, or give the scenario a load:",
            )
        found = locate(os.environ)
        if isinstance(found, Missing):
            raise RunError(found.reason, hint=found.hint)
        return tuple(self._command(scenario, out, found, shard, shards) for shard in range(shards))

    def early(self) -> None:
        """None: loadctl has to find Artillery first."""

    def rehearsal(self, scenario: Scenario) -> Command | None:  # noqa: ARG002
        """None: requests mean the same on all engines, so another one rehearses."""
        return None

    def completed(self, scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
        if scenario.script is None:
            _refuse_untranslatable(scenario)
            return scenario
        return _with_script(scenario, scenario.script, environ)

    def outcome(self, returncode: int, stderr: str) -> Outcome:
        if returncode == 0:
            return Outcome("finished")
        if returncode in {EXIT_STOPPED, 128 + signal.SIGINT, 128 + signal.SIGTERM}:
            return Outcome("stopped")
        if returncode == EXIT_REFUSED:
            return Outcome("refused", _own_words(stderr) or "the script exited before the load began")
        if returncode == EXIT_BEYOND:
            words = [line for line in stderr.splitlines() if line.startswith(_BEYOND)]
            return Outcome("beyond", words[-1] if words else "it connected to a host that is not allowed")
        if returncode < 0:
            return Outcome("failed", f"it was killed by signal {-returncode}")
        return Outcome("failed", _own_words(stderr) or f"it exited with {returncode}")

    def _command(self, scenario: Scenario, out: Path, found: Artillery, shard: int, shards: int) -> Command:
        script = f"engine/script-{shard}.json"
        places = places_needed(scenario.load, shard, shards, scenario.max_in_flight)
        plan = {
            **shard_plan(scenario, shard, shards),
            "frames": str(out.absolute() / "frames" / f"{shard}.ndjson"),
            "counters": str(out.absolute() / "engine" / f"vusers-{shard}.json"),
            "places": places,
            **javascript_plan(scenario),
            "own_phases": scenario.script is not None and scenario.script.own_load,
            "outlasts_s": scenario.script.outlasts_s if scenario.script is not None else 0.0,
            "artillery": _artillery(found, scenario, out.absolute() / script),
        }
        files = {}
        if scenario.script is None:
            files[script] = json.dumps(user_type_script(scenario, places), indent=1) + "\n"
        env = artillery_environment(os.environ, found)
        if scenario.script is not None and scenario.tls.ca is not None:  # its requests are Artillery's own
            env = {**env, "NODE_EXTRA_CA_CERTS": scenario.tls.ca}
        options = _SMALL_PAUSES if scenario.script is None else ()
        return shard_command((str(found.node), *options, str(LAUNCH)), plan, scenario, env=env, files=files)


def javascript_plan(scenario: Scenario) -> dict[str, Json]:
    """What the JavaScript runtime needs in addition to shard_plan: patterns translated to JavaScript, and the types
    of files.
    """
    return {
        "patterns": {
            request.capture[name]: list(to_javascript(pattern))
            for request, name, pattern in _patterns(scenario)
        },
        "content_types": {
            path: mimetypes.guess_type(Path(path).name)[0] or "application/octet-stream"
            for request in scenario.requests()
            if request.body
            for path in request.body.files.values()
        },
    }


_LESS = 1e-6
"""As in the schedule: ten a second for 0.1 + 0.2 s is three arrivals, not four."""


def places_needed(load: Load, shard: int, shards: int, max_in_flight: int) -> int:
    """Closed model: the most users of this shard; open model: those that may be in flight, or all its arrivals."""
    stages = [stage for stage in load.stages if stage.duration_s > 0]
    if load.model == "closed":
        peak = max((floor(max(stage.start, stage.end) + 0.5) for stage in stages), default=0)
        return len(range(shard, peak, shards))
    arrivals = ceil(sum((stage.start + stage.end) / 2 * stage.duration_s for stage in stages) - _LESS)
    at_once = max(1, len(range(shard, max_in_flight, shards)))
    return min(at_once, len(range(shard, arrivals, shards)))


def creating_phase(count: int) -> Mapping[str, Json]:
    """As fast as Artillery makes exactly so many.

    It rounds the time between two down to whole microseconds, here to one, and makes as many as fit into the duration:
    half a microsecond more than needed loses none to rounding and adds none.
    """
    return {"duration": f"{(count + 0.5) / 1000:.4f}ms", "arrivalCount": count}


def user_type_script(scenario: Scenario, count: int) -> Mapping[str, Json]:
    """What Artillery runs: one scenario of loadctl's engine, in which each virtual user is a user of the plan."""
    return {
        "config": {
            "target": scenario.shown_host,
            "engines": {"loadctl": {}},
            "phases": [creating_phase(count)],
        },
        "scenarios": [
            {"name": "loadctl", "engine": "loadctl", "flow": [user.name for user in scenario.user_types]}
        ],
    }


def _refuse_untranslatable(scenario: Scenario) -> None:
    """Raises: InvalidInput for captures with a pattern that JavaScript has no equivalent of."""
    mistakes = []
    for request, name, pattern in _patterns(scenario):
        try:
            to_javascript(pattern)
        except Untranslatable as error:
            message = f"capture {name}: Artillery cannot use the pattern {pattern}: it has {error}"
            hint = "rewrite it without that, or use  --engine locust"
            mistakes.append(Mistake(request.where, message, hint))
    if mistakes:
        raise InvalidInput(mistakes)


def _with_script(scenario: Scenario, script: Script, environ: Mapping[str, str]) -> Scenario:
    """The scenario, completed with what its script says. Raises: InvalidInput."""
    where = Where(scenario.source or script.path)
    own = read_own_script(script.path, script.environment, environ, script.engine_options)
    load, own_load = scenario.load, not scenario.load.stages
    if own_load and own.load is None:
        hint = "set it in the scenario:  load: [{rate: 10/s, for: 1m}]   or with  --rate 10/s -t 1m"
        raise InvalidInput([Mistake(own.where, f"its load cannot be determined: {own.no_load}", hint)])
    try:
        host = scenario.host or _host_of(own.target)
    except ValueError as error:
        raise InvalidInput([Mistake(Where(script.path), f"config.target: {error}")]) from error
    if not host:
        message = "no host: neither the scenario nor the script's target says which system to load"
        raise InvalidInput([Mistake(where, message, "host: http://localhost:8080, or --host URL")])
    from loadctl.scenario.redaction import hidden

    user_types, secrets = read_flows(script, scenario.timeout_s, environ)
    scenario = replace(scenario, user_types=user_types, secrets={**secrets, **scenario.secrets})
    _refuse_untranslatable(scenario)
    return replace(
        scenario,
        host=host,
        tls=scenario.tls if own.verify else replace(scenario.tls, verify=False),
        secrets={**hidden(own.secrets), **scenario.secrets},
        load=own.load if own_load and own.load is not None else load,
        script=replace(
            script,
            own_load=own_load,
            loose_arrivals=own.loose_arrivals,
            host=scenario.host,
            outlasts_s=_OWN_USERS_S if own_load else 0.0,
            places=own.places,
        ),
    )


def _host_of(target: str) -> str:
    """A target without its secrets; a WebSocket's host is that of HTTP. Raises: ValueError."""
    url = urlsplit(target)
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    place = url.netloc.rpartition("@")[2]
    if scheme not in {"http", "https"} or not place:
        return ""
    return web_address(f"{scheme}://{place}{url.path.rstrip('/')}").geturl()


def _artillery(found: Artillery, scenario: Scenario, script: Path) -> dict[str, Json]:
    arguments = ["--quiet"]
    if scenario.script is not None:
        script = Path(scenario.script.path).absolute()
        options = dict(scenario.script.engine_options)
        if scenario.script.environment:
            options["environment"] = scenario.script.environment
        if scenario.script.host:
            options["target"] = scenario.script.host
        if "overrides" in options or not scenario.script.own_load:
            options["overrides"] = _overrides(scenario.script)
        arguments += [f"--{name}={value}" for name, value in options.items()]
        arguments += [] if scenario.tls.verify else ["--insecure"]
    return {"package": str(found.package), "version": found.version, "arguments": [*arguments, str(script)]}


def _overrides(script: Script) -> str:
    """Drops the script's phases if the scenario has a load, and its target if a host was given."""
    given = json.loads(script.engine_options.get("overrides", "{}"))
    config = given.get("config")
    config = dict(config) if isinstance(config, dict) else {}
    if script.host:
        config.pop("target", None)
    if not script.own_load:
        config["phases"] = [{"duration": 1, "arrivalCount": 1}]
    return json.dumps({**given, "config": config})


def _patterns(scenario: Scenario) -> Iterator[tuple[Request, str, str]]:
    """All captures by a pattern: the request, the variable, the pattern."""
    for request in scenario.requests():
        for name, source in request.capture.items():
            if source.strip().startswith(_REGEX):
                yield request, name, source.strip().removeprefix(_REGEX).strip()


def _own_words(stderr: str) -> str:
    """The sentence of an error with its place in the user's file; without one, the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith(_YOURS):
            printed = [] if line.startswith(_RAISED) else _printed(lines[:number])
            return "; it printed: ".join([line, *printed])
    compiler = next((found for line in lines if (found := _COMPILER.search(line))), None)
    if compiler is not None:
        return f"{compiler[2]} ({compiler[1]})"
    for number, line in enumerate(lines):
        match = _ERROR.search(line)
        if match is not None:
            return match[1] + _place_of(lines, number)
    return next(iter(_printed(lines)), "")


def _place_of(lines: Sequence[str], number: int) -> str:
    """A traceback follows an error; a syntax error is preceded by the line that cannot be parsed."""
    below = (_PLACE.search(line) for line in lines[number + 1 : number + 12])
    above = (_FILE_LINE.search(line) for line in reversed(lines[max(0, number - 6) : number]))
    found = (place[1] for place in (*below, *above) if place and "node_modules" not in place[1])
    place = next(found, None)
    return f" ({place})" if place else ""


def _printed(lines: Sequence[str]) -> list[str]:
    """The last line that is meant for people, if there is one."""
    return [line for line in lines if not line.startswith(_NOISE)][-1:]
