"""A working, pinned Artillery from nothing but the package registries. Atomic: it is there whole, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from loadctl.engines.artillery.environment import npm_environment
from loadctl.engines.artillery.locate import MARKER, NPM, PREFIX, SUPPORTED, home, is_complete, release
from loadctl.engines.artillery.node import EXTRA, Node, find_node
from loadctl.errors import RunError, UsageError

Say = Callable[[str], None]
_NEVER_NEEDED = (
    "@datadog",
    "@grpc",
    "@opentelemetry",
    "@playwright",
    "playwright",
    "playwright-core",
)
"""Cloud reporters and browsers, imported only by plugins that ask for them."""
_NOT_CODE = (".d.ts", ".d.mts", ".d.cts", ".map", ".md", ".markdown", ".flow")


def install(environ: Mapping[str, str], prefix: Path | None, say: Say, source: Path = NPM) -> Path:
    """Install what the lock file in `source` pins, unless it is there; the folder.

    Raises: UsageError without Node; RunError where npm fails, with its own last words.
    """
    target = home({**environ, PREFIX: str(prefix)} if prefix is not None else environ)
    node = find_node(environ)
    if isinstance(node, str):
        raise UsageError(node, hint=EXTRA)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent, say):
            if is_complete(target):
                say(f"Artillery {SUPPORTED} is there already: {target}")
                return target
            _clear(target)
            _fill(target, node, environ, say, source)
    except OSError as error:
        raise RunError(
            f"{error.filename or target}: {error.strerror or error}",
            hint="--prefix DIR  installs into another folder",
        ) from error
    return target


def _fill(target: Path, node: Node, environ: Mapping[str, str], say: Say, source: Path) -> None:
    staging = target.with_name(f".{target.name}.{os.getpid()}.partial")
    staging.mkdir()
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, staging / name)
        say(f"installing Artillery {SUPPORTED} with npm on Node {node.version} (about a minute)")
        _npm_ci(staging, node, environ)
        saved = _prune(staging / "node_modules")
        say(f"removed {saved / 1e6:,.0f} MB that no run needs")
        _check(staging, node, environ)
        marker = {"release": release(), "artillery": SUPPORTED, "node": node.version}
        (staging / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _npm_ci(folder: Path, node: Node, environ: Mapping[str, str]) -> None:
    """The user's own npm configuration holds (a company has its mirror), but no package may run a script."""
    argv = [
        *node.npm,
        "ci",
        "--ignore-scripts",
        "--omit=optional",
        "--no-audit",
        "--no-fund",
        "--no-progress",
    ]
    done = subprocess.run(
        argv,
        cwd=folder,
        env=npm_environment(environ, node.path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RunError(
            f"npm could not install Artillery: {_last_words(done.stdout)}", hint=_advice(done.stdout)
        )


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines()]
    errors = [line.split(" ", 2)[-1] for line in lines if line.startswith(("npm error", "npm ERR!"))]
    said = [
        e for e in errors if e and not e.startswith(("A complete log", "/", "code ", "errno ", "syscall "))
    ]
    return said[0] if said else next((line for line in reversed(lines) if line), "it said nothing")


def _advice(output: str) -> str:
    if "ENOSPC" in output:
        return "the disk is full; --prefix DIR  installs into another folder"
    if any(word in output for word in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET")):
        return "is there a network, and does npm's registry setting lead to a mirror that you can reach?"
    return "npm config get registry  says where it looks"


def _prune(modules: Path) -> int:
    """Remove what no run needs; how many bytes that was."""
    saved = 0
    for name in _NEVER_NEEDED:
        folder = modules / name
        if folder.is_dir():
            saved += sum(
                file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink()
            )
            shutil.rmtree(folder)
    for file in modules.rglob("*"):
        if file.name.endswith(_NOT_CODE) and file.is_file() and not _is_legal(file):
            saved += file.stat().st_size
            file.unlink()
    return saved


def _is_legal(file: Path) -> bool:
    """Licences stay with what they license."""
    return any(word in file.name.lower() for word in ("licen", "notice", "copying"))


def _check(folder: Path, node: Node, environ: Mapping[str, str]) -> None:
    """It starts, and says the version that was asked for."""
    package = folder / "node_modules" / "artillery"
    done = subprocess.run(
        [str(node.path), str(package / "bin" / "run"), "version"],
        env=npm_environment(environ, node.path),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    if done.returncode or SUPPORTED not in done.stdout:
        words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise RunError(f"Artillery was installed but does not start: {words}")


def _clear(target: Path) -> None:
    """What an interrupted installation left behind; nobody else is at work, because we are alone."""
    for leftover in [target, *target.parent.glob(f".{target.name}.*.partial")]:
        if leftover.exists():
            shutil.rmtree(leftover)


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
