"""Options of the engines that loadctl spells differently or does not need, and --smoke, which only `run` has."""

from __future__ import annotations

from collections.abc import Mapping

ONE_VIRTUAL_USER = """--overrides '{"config": {"phases": [{"duration": 1, "arrivalCount": 1}]}}'"""
_PAGE = "for Locust's page, use  loadctl ui"
_SHARDS = "loadctl starts its own engine processes; for several, use  --workers N"
_WRITTEN = "each run writes result.json into its directory; to print it, use  --json"

_INSTEAD: Mapping[str, str] = {
    "--csv --csv-full-history": "for the table, use  loadctl report --format csv  (csv-readings: what was watched)",
    "--json-file": _WRITTEN,
    "--print-stats --only-summary": "for less output, use  --quiet  or  --plain",
    "--reset-stats": "the warm-up is never scored:  warmup: true  on a stage, or  -r N  with -u",
    "--exit-code-on-error": "the exit code follows the verdict; set the limit as a target:  --target error_rate=1%",
    "--logfile --loglevel -L --skip-log-setup": "a script's output and log are in its run directory:  engine/*.stderr",
    "--show-task-ratio --show-task-ratio-json": "Locust's page shows the task ratio; use  loadctl ui",
    "--list -l": "name a class that the locustfile does not have, and loadctl lists those it has",
    "--equal-weights --config-users": "set the weights of classes in a scenario:  users: {WebUser: 1, ApiUser: 1}",
    "--otel": "to export a run to Prometheus, use  --metrics-port 9646",
    "--web-host": f"{_PAGE} --bind ADDRESS",
    "--web-host-display-name --web-base-path --build-path --legacy-ui --headful": _PAGE,
    "--web-port -P": f"{_PAGE} --port N",
    "--web-login --web-auth --tls-cert --tls-key": f"{_PAGE}, which listens on loopback unless you add  --bind",
    "--class-picker": f"{_PAGE}; to choose classes, use  loadctl run f.py WebUser ApiUser",
    "--autostart": f"{_PAGE}; loadctl run  starts at once without it",
    "--autoquit": f"{_PAGE}; loadctl run  ends by itself without it",
    "--master --master-bind-host --master-bind-port --expect-workers --expect-workers-max-wait": _SHARDS,
    "--expect-slaves --enable-rebalancing --worker --slave --master-host --master-port --count": _SHARDS,
    "-V": "loadctl --version",
    "--output -o": f"{_WRITTEN}; to choose the parent folder, use  --out DIR",
    "--input -i": "a run has one script; to put another file over it, use  --config FILE",
    "--solo": f"for one virtual user, use  {ONE_VIRTUAL_USER}",
    "--platform --platform-opt": "loadctl makes the load on this machine:  --workers N",
    "--record --key --note": "loadctl sends nothing to Artillery's cloud; each run keeps result.json in its directory",
    "--name": "a run is named after its scenario; to find it again, use  loadctl runs",
    "--smoke": "only  loadctl run  takes it, as in  loadctl run X --smoke",
}
"""Options, separated by spaces → what to use instead."""


def in_our_words(option: str) -> str | None:
    """What to use instead of an option that this command does not have; None for an unknown option."""
    for options, instead in _INSTEAD.items():
        if option in options.split():
            return f"there is no {option} here: {instead}\n"
    return None
