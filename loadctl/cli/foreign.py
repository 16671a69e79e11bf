"""Options that loadctl has in other words or at another command: those of the engines, and --smoke."""

from __future__ import annotations

from collections.abc import Mapping

ONE_VIRTUAL_USER = """--overrides '{"config": {"phases": [{"duration": 1, "arrivalCount": 1}]}}'"""
_TABLE = "the table is  loadctl report --format csv  (csv-readings: what was watched)"
_PAGE = "Locust's page is  loadctl ui"
_SHARDS = "loadctl starts its engine processes itself:  --workers N"
_OUTPUT = "what a script prints and logs is in the run's directory:  engine/*.stderr"
_WRITTEN = "each run writes result.json into its directory; on stdout:  --json"
_LESS = "less is said with  --quiet, or with  --plain"
_CODE = "exit codes follow the verdict; the limit is a target:  --target error_rate=1%"
_RESULT = f"{_WRITTEN}; its folder is under  --out DIR"
_ONE_FILE = "a run has one script; a file that is put over it:  --config FILE"
_HERE = "loadctl makes the load on this machine:  --workers N"
_NO_CLOUD = "nothing is sent to Artillery's cloud; each run keeps result.json in its directory"
_RATIO = "Locust's page shows the ratio of tasks:  loadctl ui"

_CALLED: Mapping[str, str] = {
    "--csv": _TABLE,
    "--csv-full-history": _TABLE,
    "--json-file": _WRITTEN,
    "--print-stats": _LESS,
    "--only-summary": _LESS,
    "--reset-stats": "what comes before the warm-up's end is never scored:  warmup: true,  or  -r N  with -u",
    "--exit-code-on-error": _CODE,
    "--logfile": _OUTPUT,
    "--loglevel": _OUTPUT,
    "-L": _OUTPUT,
    "--skip-log-setup": _OUTPUT,
    "--show-task-ratio": _RATIO,
    "--show-task-ratio-json": _RATIO,
    "--list": "the classes of a locustfile are listed when one is asked for that it does not have",
    "-l": "the classes of a locustfile are listed when one is asked for that it does not have",
    "--equal-weights": "weights of classes stand in the scenario:  users: {WebUser: 1, ApiUser: 1}",
    "--config-users": "weights of classes stand in the scenario:  users: {WebUser: 1, ApiUser: 1}",
    "--otel": "a run is told to Prometheus:  --metrics-port 9646",
    "--web-host": f"{_PAGE} --bind ADDRESS",
    "--web-host-display-name": _PAGE,
    "--web-port": f"{_PAGE} --port N",
    "-P": f"{_PAGE} --port N",
    "--web-base-path": _PAGE,
    "--web-login": f"{_PAGE}, on loopback unless  --bind  says otherwise",
    "--web-auth": f"{_PAGE}, on loopback unless  --bind  says otherwise",
    "--tls-cert": f"{_PAGE}, on loopback unless  --bind  says otherwise",
    "--tls-key": f"{_PAGE}, on loopback unless  --bind  says otherwise",
    "--class-picker": f"{_PAGE}; classes are chosen with  loadctl run f.py WebUser ApiUser",
    "--build-path": _PAGE,
    "--legacy-ui": _PAGE,
    "--headful": _PAGE,
    "--autostart": f"{_PAGE}; without it a run starts at once:  loadctl run",
    "--autoquit": f"{_PAGE}; a run without it ends by itself:  loadctl run",
    "--master": _SHARDS,
    "--master-bind-host": _SHARDS,
    "--master-bind-port": _SHARDS,
    "--expect-workers": _SHARDS,
    "--expect-workers-max-wait": _SHARDS,
    "--expect-slaves": _SHARDS,
    "--enable-rebalancing": _SHARDS,
    "--worker": _SHARDS,
    "--slave": _SHARDS,
    "--master-host": _SHARDS,
    "--master-port": _SHARDS,
    "-V": "loadctl --version",
    "--output": _RESULT,
    "-o": _RESULT,
    "--input": _ONE_FILE,
    "-i": _ONE_FILE,
    "--solo": f"one virtual user is  {ONE_VIRTUAL_USER}",
    "--platform": _HERE,
    "--platform-opt": _HERE,
    "--count": _SHARDS,
    "--record": _NO_CLOUD,
    "--key": _NO_CLOUD,
    "--note": _NO_CLOUD,
    "--name": "a run is named by its scenario, and found again with  loadctl runs",
    "--smoke": "only a run can be a quick look, as in  loadctl run X --smoke",
}


def in_our_words(option: str) -> str | None:
    """The message for an option of the table that this command does not have; None: nobody has it."""
    ours = _CALLED.get(option)
    return None if ours is None else f"there is no {option} here: {ours}\n"
