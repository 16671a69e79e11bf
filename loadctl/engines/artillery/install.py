"""A working, pinned Artillery from nothing but the package registries. Atomic: it is there whole, or not at all."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from loadctl.engines.artillery.environment import npm_environment
from loadctl.engines.artillery.extra import install_extra
from loadctl.engines.artillery.locate import MARKER, NPM, PREFIX, SUPPORTED, home, is_complete, release
from loadctl.engines.artillery.node import Node, find_node
from loadctl.engines.artillery.npm_ci import npm_ci
from loadctl.engines.artillery.prune import prune
from loadctl.errors import RunError, UsageError

Say = Callable[[str], None]
_START_S = 120.0
_ROOM_MB = 600
"""While it is at work; a third of it stays. On a full disk npm leaves files out and says that all went well."""


def install(environ: Mapping[str, str], prefix: Path | None, say: Say, source: Path = NPM) -> Path:
    """Install what the lock file in `source` pins, unless it is there; the folder.

    Raises: UsageError without Node and npm; RunError where npm fails, with its own last words.
    """
    target = home({**environ, PREFIX: str(prefix)} if prefix is not None else environ)
    node = find_node(environ)
    if isinstance(node, str):
        raise UsageError(node, hint=install_extra())
    if not node.npm:
        raise UsageError(f"{node.path} comes without npm, which installs Artillery", hint=install_extra())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent, say):
            if is_complete(target):
                say(f"Artillery {SUPPORTED} is there already")
                return target
            _clear(target)
            _have_room(target.parent)
            _fill(target, node, environ, say, source)
    except OSError as error:
        raise RunError(
            f"{error.filename or target}: {error.strerror or error}",
            hint="--prefix DIR  installs into another folder",
        ) from error
    return target


def _have_room(folder: Path) -> None:
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < _ROOM_MB:
        raise RunError(
            f"{folder} has {free_mb} MB of free space, and the installation takes {_ROOM_MB} MB",
            hint="--prefix DIR  installs into another folder",
        )


def _fill(target: Path, node: Node, environ: Mapping[str, str], say: Say, source: Path) -> None:
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    staging.mkdir()
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, staging / name)
        say(f"installing Artillery {SUPPORTED} with npm on Node {node.version}: about a minute")
        npm_ci(staging, node, environ, say)
        saved = prune(staging / "node_modules")
        say(f"removed {saved / 1e6:,.0f} MB that no run needs")
        _check(staging, node, environ)
        marker = {"release": release(), "artillery": SUPPORTED, "node": node.version}
        (staging / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check(folder: Path, node: Node, environ: Mapping[str, str]) -> None:
    """It starts, and says the version that was asked for."""
    package = folder / "node_modules" / "artillery"
    try:
        done = subprocess.run(
            [str(node.path), str(package / "bin" / "run"), "version"],
            env=npm_environment(environ, node.path),
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
    if done.returncode or SUPPORTED not in done.stdout:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        words = next((line for line in said if "Error" in line), said[-1])
        raise RunError(
            f"Artillery was installed but does not start on Node {node.version}: {words}",
            hint="nothing was kept; a Node that is known to work:  " + install_extra(),
        )


def _clear(target: Path) -> None:
    """What an interrupted installation left behind; nobody else is at work, because we are alone."""
    for leftover in target.parent.glob(f".{target.name}.*.partial"):
        shutil.rmtree(
            leftover, ignore_errors=True
        )  # what will not go hurts nobody: each has a name of its own
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
        say("another installation is at work; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
