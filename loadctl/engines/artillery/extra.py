"""The command that adds the extra `artillery` (Node) to loadctl, in the way in which loadctl itself was installed."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from functools import cache
from itertools import pairwise
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

_WANTED = "loadctl[artillery]"


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
