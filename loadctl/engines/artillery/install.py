"""Installs a pinned Artillery from the npm registry. Atomic: afterwards it is there completely or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from loadctl.engines.artillery import locate
from loadctl.engines.artillery.locate import Node
from loadctl.errors import RunError, UsageError

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
_ANOTHER_FOLDER = "--prefix DIR  installs into another folder"
_LEAVE = Path(__file__).with_name("npm") / "leave.cjs"
_LEFT_OUT = "TAR_ENTRY_ERROR"
"""npm only warns about a file that it could not write."""
_LEGAL = ("licen", "notice", "copying")
"""Licences stay with what they license."""
_NOT_A_SENTENCE = ("A complete log", "code ", "errno ", "syscall ", "path ", "dest ", "at ", "/", "{", "}")
_CAUSES: Sequence[tuple[tuple[str, ...], str]] = (
    (("ENOSPC",), f"the disk is full; {_ANOTHER_FOLDER}"),
    (
        ("CERT", "SELF_SIGNED", "unable to get local issuer"),
        "Node does not trust a certificate: set  NODE_EXTRA_CA_CERTS=FILE  to that of your own authority",
    ),
    (
        ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH"),
        "is the network up? Set a mirror or a proxy in ~/.npmrc (registry=, proxy=), or with npm_config_registry",
    ),
    (
        ("E401", "E403", "E404", "EINTEGRITY", "ETARGET"),
        "npm uses the registry in ~/.npmrc or npm_config_registry, else its own: set one that has this package",
    ),
)
Say = Callable[[str], None]
_START_S = 120.0
_ROOM_MB = 600
"""During the installation; a third of it stays. On a full disk npm leaves files out and reports success."""


def install(environ: Mapping[str, str], prefix: Path | None, say: Say, source: Path = locate.NPM) -> Path:
    """Install what the lock file in `source` pins, unless it is installed already; returns the folder.

    Raises: UsageError without Node and npm; RunError if npm fails, with its own last words.
    """
    target = locate.home({**environ, locate.PREFIX: str(prefix)} if prefix is not None else environ)
    node = locate.find_node(environ)
    if isinstance(node, str):
        raise UsageError(node, hint=locate.install_extra())
    if not node.npm:
        raise UsageError(
            f"{node.path} has no npm, which is needed to install Artillery", hint=locate.install_extra()
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent, say):
            if locate.is_complete(target):
                say(f"Artillery {locate.SUPPORTED} is already installed")
                return target
            _clear(target)
            _have_room(target.parent)
            _fill(target, node, environ, say, source)
    except OSError as error:
        message = f"{error.filename or target}: {error.strerror or error}"
        raise RunError(message, hint=_ANOTHER_FOLDER) from error
    return target


def _have_room(folder: Path) -> None:
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < _ROOM_MB:
        message = f"{folder} has {free_mb} MB of free space, and the installation takes {_ROOM_MB} MB"
        raise RunError(message, hint=_ANOTHER_FOLDER)


def _fill(target: Path, node: Node, environ: Mapping[str, str], say: Say, source: Path) -> None:
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    staging.mkdir()
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, staging / name)
        say(f"installing Artillery {locate.SUPPORTED} with npm on Node {node.version}: about a minute")
        npm_ci(staging, node, environ, say)
        saved = prune(staging / "node_modules")
        say(f"removed {saved / 1e6:,.0f} MB that no run needs")
        _check(staging, node, environ)
        marker = {"release": locate.release(), "artillery": locate.SUPPORTED, "node": node.version}
        (staging / locate.MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check(folder: Path, node: Node, environ: Mapping[str, str]) -> None:
    """Check that it starts and prints the pinned version. Raises: RunError."""
    package = folder / "node_modules" / "artillery"
    try:
        done = subprocess.run(
            [str(node.path), str(package / "bin" / "run"), "version"],
            env=locate.npm_environment(environ, node.path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"Artillery was installed but did not start within {_START_S:.0f} s", hint="try again"
        ) from None
    if done.returncode or locate.SUPPORTED not in done.stdout:
        printed = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        words = next((line for line in printed if "Error" in line), printed[-1])
        raise RunError(
            f"Artillery was installed but does not start on Node {node.version}: {words}",
            hint="nothing was kept; to get a Node that is known to work:  " + locate.install_extra(),
        )


def _clear(target: Path) -> None:
    """Remove what an interrupted installation left behind; the lock keeps others away."""
    for leftover in target.parent.glob(f".{target.name}.*.partial"):
        # What will not go hurts nobody: each has a name of its own.
        shutil.rmtree(leftover, ignore_errors=True)
    if target.exists():
        shutil.rmtree(target)


@contextlib.contextmanager
def _alone(folder: Path, say: Say) -> Iterator[None]:
    """One installation at a time; the lock dies with its process."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("another installation is running; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def prune(modules: Path) -> int:
    """Remove files that no run needs; returns how many bytes that saved."""
    saved = 0
    for file in modules.rglob("*"):
        is_legal = any(word in file.name.lower() for word in _LEGAL)
        if file.name.endswith(locate.NOT_RUN) and file.is_file() and not is_legal:
            saved += file.stat().st_size
            file.unlink()
    return saved


def npm_ci(folder: Path, node: Node, environ: Mapping[str, str], say: Say) -> None:
    """Runs `npm ci` with the user's npm configuration, which may name a company's mirror.

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
        printed = output.read().decode(errors="replace")
    if npm.returncode or _LEFT_OUT in printed:
        raise RunError(f"npm could not install Artillery: {last_words(printed)}", hint=advice(printed))


def last_words(output: str) -> str:
    """The first sentence of npm's error; without one, the last thing it printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [
        line.removeprefix("npm error").removeprefix("npm ERR!").strip()
        for line in lines
        if line.startswith(("npm error", "npm ERR!"))
    ]
    printed = [words for words in errors if words and not words.startswith(_NOT_A_SENTENCE)]
    printed += [line for line in lines if _LEFT_OUT in line]
    return printed[0] if printed else lines[-1] if lines else "no output"


def advice(output: str) -> str:
    for words, what_to_do in _CAUSES:
        if any(word in output for word in words):
            return what_to_do
    return "see the newest file in  ~/.npm/_logs"


def _started(
    folder: Path, node: Node, environ: Mapping[str, str], output: BinaryIO
) -> subprocess.Popen[bytes]:
    """We hold npm's standard input open; when it ends, loadctl is gone and npm exits."""
    env = locate.npm_environment(environ, node.path)
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
