"""`npm ci`: exactly the packages of a lock file, none of which may run anything."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from loadctl.engines.artillery.environment import npm_environment
from loadctl.engines.artillery.node import Node
from loadctl.errors import RunError

_ARGUMENTS = (
    "ci",
    "--ignore-scripts",
    "--omit=optional",
    "--prefer-offline",  # what is pinned does not change: no need to ask again for what is in npm's cache
    "--no-audit",
    "--no-fund",
    "--no-progress",
)
_EVERY_S = 10.0
_LEAVE = Path(__file__).with_name("npm") / "leave.cjs"
_LEFT_OUT = "TAR_ENTRY_ERROR"
"""A warning only, for npm: a file that could not be written."""
_NOT_A_SENTENCE = ("A complete log", "code ", "errno ", "syscall ", "path ", "dest ", "at ", "/", "{", "}")
_CAUSES: Sequence[tuple[tuple[str, ...], str]] = (
    (("ENOSPC",), "the disk is full; --prefix DIR  installs into another folder"),
    (
        ("CERT", "SELF_SIGNED", "unable to get local issuer"),
        "a certificate that Node does not know: NODE_EXTRA_CA_CERTS=FILE  names your own authority's",
    ),
    (
        ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH"),
        "is there a network? A mirror or a proxy is set in ~/.npmrc (registry=, proxy=), or by npm_config_registry",
    ),
    (
        ("E401", "E403", "E404", "EINTEGRITY", "ETARGET"),
        "the registry is the one of ~/.npmrc or npm_config_registry, else npm's own: set one that has this package",
    ),
)


def npm_ci(folder: Path, node: Node, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """The user's own npm configuration holds: a company has its mirror.

    Raises: RunError with npm's own words.
    """
    wanted = _wanted(folder)
    began = time.monotonic()
    with tempfile.TemporaryFile() as output, _started(folder, node, environ, output) as npm:
        while True:
            try:
                npm.wait(_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                there = sum((folder / path / "package.json").exists() for path in wanted)
                say(f"{there} of {len(wanted)} packages after {time.monotonic() - began:.0f} s")
            except BaseException:
                npm.kill()
                raise
        output.seek(0)
        said = output.read().decode(errors="replace")
    if npm.returncode or _LEFT_OUT in said:
        raise RunError(f"npm could not install Artillery: {last_words(said)}", hint=advice(said))


def last_words(output: str) -> str:
    """The first sentence of npm's error; without one, the last thing it said."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [
        line.removeprefix("npm error").removeprefix("npm ERR!").strip()
        for line in lines
        if line.startswith(("npm error", "npm ERR!"))
    ]
    said = [words for words in errors if words and not words.startswith(_NOT_A_SENTENCE)]
    said += [line for line in lines if _LEFT_OUT in line]
    return said[0] if said else lines[-1] if lines else "it said nothing"


def advice(output: str) -> str:
    for words, what_to_do in _CAUSES:
        if any(word in output for word in words):
            return what_to_do
    return "the whole story is in the newest file of  ~/.npm/_logs"


def _started(
    folder: Path, node: Node, environ: Mapping[str, str], output: BinaryIO
) -> subprocess.Popen[bytes]:
    """Its standard input is held open by us; when that ends, we are gone, and it leaves."""
    env = npm_environment(environ, node.path)
    env["NODE_OPTIONS"] = f'{environ.get("NODE_OPTIONS", "")} --require "{_LEAVE.as_posix()}"'.strip()
    return subprocess.Popen(
        [*node.npm, *_ARGUMENTS],
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _wanted(folder: Path) -> Sequence[str]:
    locked = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return [path.replace("/", os.sep) for path, entry in locked.items() if path and not entry.get("optional")]
