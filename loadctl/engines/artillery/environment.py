"""The environment of Artillery and npm: no telemetry, no cloud, no settings of somebody's shell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery

_ENGINE = Path(__file__).with_name("inside") / "engine"
ARTILLERY: Mapping[str, str | None] = {
    "ARTILLERY_DISABLE_TELEMETRY": "1",
    "ARTILLERY_CLOUD_API_KEY": None,  # with WORKER_ID it would report to the cloud
    "WORKER_ID": None,
    "ARTILLERY_USE_LEGACY_REPORT_FORMAT": None,
    "CUSTOM_REPORTERS": None,
    "LOCAL_WORKER_ID": None,
    "NODE_OPTIONS": None,  # --inspect, --require and memory limits of somebody's shell are not part of a scenario
    "DEBUG": None,
    "MAX_RETAINED_LOG_SIZE_MB": "1",  # it keeps what scripts print
}
"""Changes to the environment of a run; None removes."""


def artillery_environment(environ: Mapping[str, str], found: Artillery) -> Mapping[str, str | None]:
    """Changes for a shard. Artillery finds loadctl's engine by NODE_PATH, before what the user has there."""
    path = [str(_ENGINE), *filter(None, [environ.get("NODE_PATH")])]
    return {
        **ARTILLERY,
        "NODE_PATH": os.pathsep.join(path),
        "NODE_COMPILE_CACHE": str(found.cache) if found.cache else None,
        "LOADCTL_ARTILLERY": str(found.package),
    }


def npm_environment(environ: Mapping[str, str], node: Path) -> dict[str, str]:
    """`node` comes first on PATH, because npm starts others by that name."""
    kept = {name: value for name, value in environ.items() if name not in ARTILLERY}
    path = os.pathsep.join([str(node.parent), environ.get("PATH", "")])
    return {
        **kept,
        "PATH": path,
        "ARTILLERY_DISABLE_TELEMETRY": "1",
        "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
        "npm_config_update_notifier": "false",
    }
