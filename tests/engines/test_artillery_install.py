"""An installation is there whole or not at all, whatever happens to it; and the real one is what the lock file says."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from loadctl.engines.artillery.install import advice, install, last_words
from loadctl.engines.artillery.locate import (
    MARKER,
    NOT_RUN,
    NPM,
    SUPPORTED,
    Artillery,
    home,
    install_extra,
    is_complete,
    locate,
    npm_environment,
)
from loadctl.errors import RunError, UsageError
from tests.e2e.shell import all_gone, wait_for
from tests.engines.npm_packages import local_source, registry_source

INSTALL = """
import os, sys
from pathlib import Path
from loadctl.engines.artillery.install import install

def say(line):
    print(line, flush=True)
    if sys.argv[3] in line:
        os.kill(os.getpid(), 9)

print(install(os.environ, Path(sys.argv[1]), say, Path(sys.argv[2])), flush=True)
"""


DISK_FULL = """npm error code ENOSPC
npm error syscall write
npm error errno -28
npm error nospc ENOSPC: no space left on device, write
npm error nospc There is not enough space on your system.
npm error A complete log of this run can be found in: /home/me/.npm/_logs/x.log
"""
LEFT_OUT = "TAR_ENTRY_ERROR ENOSPC: no space left on device, write"
CERTIFICATE = """npm error code SELF_SIGNED_CERT_IN_CHAIN
npm error errno SELF_SIGNED_CERT_IN_CHAIN
npm error request to https://npm.example/artillery failed, reason: self-signed certificate
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_source(tmp_path_factory.mktemp("packages") / "source")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """npm's own configuration, cache and logs below this folder, and one try."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    own = {"HOME": str(tmp_path / "me"), "XDG_DATA_HOME": str(tmp_path / "data")}
    npm = {"npm_config_cache": str(tmp_path / "npm"), "npm_config_fetch_retries": "0"}
    return {**kept, **own, **npm, "npm_config_userconfig": str(tmp_path / "npmrc")}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "engines"


class Installer(subprocess.Popen[str]):
    """`install` in a process of its own, which kills itself when it says `die_at`."""

    def __init__(self, prefix: Path, source: Path, environ: Mapping[str, str], die_at: str = "never") -> None:
        super().__init__(
            [sys.executable, "-c", INSTALL, str(prefix), str(source), die_at],
            env=environ,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def said(self) -> str:
        return self.communicate(timeout=60)[0]


def target(prefix: Path) -> Path:
    return home({"LOADCTL_ENGINES": str(prefix)})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_is_there_whole(prefix: Path, source: Path, environ: dict[str, str]) -> None:
    said: list[str] = []
    folder = install(environ, prefix, said.append, source)
    assert folder == target(prefix)
    found = locate({**environ, "LOADCTL_ENGINES": str(prefix)})
    assert isinstance(found, Artillery)
    assert found.package == folder / "node_modules" / "artillery"
    assert names(prefix) == {".lock", folder.name}
    assert names(found.package) == {"a.js", "bin", "package.json"}
    assert names(folder / "node_modules" / "helper") >= {"index.js", "LICENSE.md"}
    assert not list(folder.rglob("script-has-run"))
    assert said[0] == f"installing Artillery 2.0.34 with npm on Node {found.node_version}: about a minute"


def test_without_a_prefix_it_goes_to_the_users_data(source: Path, environ: dict[str, str]) -> None:
    folder = install(environ, None, lambda _: None, source)
    assert folder.parent == Path(environ["XDG_DATA_HOME"]) / "loadctl" / "engines"
    assert isinstance(locate(environ), Artillery)


def test_a_second_one_finds_the_first(prefix: Path, source: Path, environ: dict[str, str]) -> None:
    marker = install(environ, prefix, lambda _: None, source) / MARKER
    before = marker.stat().st_mtime_ns
    said: list[str] = []
    install(environ, prefix, said.append, source)
    assert said == ["Artillery 2.0.34 is already installed"]
    assert marker.stat().st_mtime_ns == before
    (target(prefix) / "node_modules" / "artillery" / "package.json").unlink()
    install(environ, prefix, lambda _: None, source)
    assert is_complete(target(prefix))


@pytest.mark.parametrize("moment", ["installing", "removed"])
def test_killed_half_way_it_is_not_there_and_the_next_one_cleans_up(
    prefix: Path, source: Path, environ: dict[str, str], moment: str
) -> None:
    with Installer(prefix, source, environ, die_at=moment) as killed:
        killed.said()
    assert killed.returncode == -signal.SIGKILL
    assert [name for name in names(prefix) if name.endswith(".partial")]
    assert not target(prefix).exists()
    install(environ, prefix, lambda _: None, source)
    assert names(prefix) == {".lock", target(prefix).name}
    assert is_complete(target(prefix))


@pytest.fixture
def silent_registry() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_npm_leaves_with_the_installer(
    prefix: Path,
    source: Path,
    environ: dict[str, str],
    tmp_path: Path,
    silent_registry: str,
    number: signal.Signals,
) -> None:
    waiting = {**environ, "npm_config_registry": silent_registry}
    with Installer(prefix, registry_source(tmp_path / "asking"), waiting) as going:
        npm = wait_for(lambda: psutil.Process(going.pid).children() or None, 20)
        cache = Path(environ["npm_config_cache"])
        wait_for(lambda: cache.exists() or None, 20)  # it has read its configuration: its own code runs
        going.send_signal(number)
        going.said()
    assert all_gone(npm)
    assert not target(prefix).exists()
    install(environ, prefix, lambda _: None, source)
    assert names(prefix) == {".lock", target(prefix).name}


def test_two_at_once_make_one(prefix: Path, source: Path, environ: dict[str, str]) -> None:
    both = [Installer(prefix, source, environ) for _ in range(2)]
    said = [installer.said() for installer in both]
    assert [installer.returncode for installer in both] == [0, 0], said
    assert sum("removed" in words for words in said) == 1, said
    assert sum("is already installed" in words for words in said) == 1, said
    assert names(prefix) == {".lock", target(prefix).name}


def test_what_does_not_start_is_not_kept(prefix: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    broken = local_source(tmp_path / "broken", run="throw new Error('no such luck')\n")
    with pytest.raises(RunError, match=r"was installed but does not start on Node 24\.") as raised:
        install(environ, prefix, lambda _: None, broken)
    assert "no such luck" in raised.value.message
    other = local_source(tmp_path / "other", run="console.log('2.0.33')\n")
    with pytest.raises(RunError, match=r"does not start on Node 24.*: 2\.0\.33"):
        install(environ, prefix, lambda _: None, other)
    assert names(prefix) == {".lock"}


def test_a_package_that_is_not_what_was_pinned_is_refused(
    prefix: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    forged = local_source(tmp_path / "forged")
    lock = json.loads((forged / "package-lock.json").read_text())
    packages = lock["packages"]
    packages["node_modules/artillery"]["integrity"] = packages["node_modules/helper"]["integrity"]
    (forged / "package-lock.json").write_text(json.dumps(lock))
    with pytest.raises(RunError, match=r"npm could not install Artillery: .*integrity") as raised:
        install(environ, prefix, lambda _: None, forged)
    assert "registry" in str(raised.value.hint)
    assert names(prefix) == {".lock"}


class Refusing(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(403, "not for you")

    def log_message(self, *_: object) -> None:
        """Not into the output of the tests."""


def test_the_registry_is_the_users_own_and_its_refusal_is_told(
    prefix: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    Refusing.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "npmrc").write_text(f"registry=http://127.0.0.1:{server.server_port}/mirror/\n")
        with pytest.raises(RunError, match="npm could not install Artillery: 403 ") as raised:
            install(environ, prefix, lambda _: None, registry_source(tmp_path / "asking"))
        server.shutdown()
    assert Refusing.asked == ["/mirror/artillery"]
    assert "~/.npmrc" in str(raised.value.hint)
    assert names(prefix) == {".lock"}


def test_no_network_is_told(prefix: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    environ["npm_config_registry"] = f"http://127.0.0.1:{closed}"
    with pytest.raises(RunError, match=r"npm could not install Artillery: .*ECONNREFUSED") as raised:
        install(environ, prefix, lambda _: None, registry_source(tmp_path / "asking"))
    assert str(raised.value.hint).startswith("is the network up?")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, source: Path, environ: dict[str, str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=f"{tmp_path}/file.*: ") as raised:
        install(environ, tmp_path / "file", lambda _: None, source)
    assert str(raised.value.hint).startswith("--prefix DIR")


def test_a_disk_that_is_nearly_full_is_told_first(
    prefix: Path, source: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    total, used, _ = shutil.disk_usage("/")
    nearly_full = type(shutil.disk_usage("/"))(total, used, 90_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: nearly_full)
    with pytest.raises(RunError, match="has 90 MB of free space, and the installation takes 600 MB"):
        install(environ, prefix, lambda _: None, source)
    assert names(prefix) == {".lock"}


def test_files_that_npm_leaves_out_are_a_failure_although_npm_says_all_went_well(
    prefix: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    for name, says in (("node", "v24.0.0"), ("npm", f"npm warn tar {LEFT_OUT}\nadded 463 packages in 57s")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(RunError, match=f"npm could not install Artillery: .*{LEFT_OUT}$") as raised:
        install({"PATH": f"{tmp_path}:/usr/bin:/bin"}, prefix, lambda _: None, source)
    assert str(raised.value.hint).startswith("the disk is full")


def test_without_node_or_npm_the_extra_is_named(
    prefix: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="Node is not installed") as raised:
        install({"PATH": str(tmp_path)}, prefix, lambda _: None, source)
    assert raised.value.hint == install_extra()
    (tmp_path / "node").write_text("#!/bin/sh\necho v24.0.0\n")
    (tmp_path / "node").chmod(0o755)
    with pytest.raises(UsageError, match="has no npm"):
        install({"PATH": str(tmp_path)}, prefix, lambda _: None, source)


@pytest.mark.parametrize(
    ("output", "sentence", "what_to_do"),
    [
        (
            DISK_FULL,
            "nospc ENOSPC: no space left on device, write",
            "the disk is full; --prefix DIR  installs into another folder",
        ),
        (
            CERTIFICATE,
            "request to https://npm.example/artillery failed, reason: self-signed certificate",
            "Node does not trust a certificate: set  NODE_EXTRA_CA_CERTS=FILE  to that of your own authority",
        ),
        (
            "npm warn old\nSegmentation fault\n",
            "Segmentation fault",
            "see the newest file in  ~/.npm/_logs",
        ),
        ("", "no output", "see the newest file in  ~/.npm/_logs"),
    ],
    ids=["disk full", "certificate", "no sentence of npm", "silence"],
)
def test_npms_own_words_and_what_to_do(output: str, sentence: str, what_to_do: str) -> None:
    assert (last_words(output), advice(output)) == (sentence, what_to_do)


def test_the_shipped_lock_file_pins_all_and_names_no_registry() -> None:
    locked = json.loads((NPM / "package-lock.json").read_text())["packages"]
    packages = {path: entry for path, entry in locked.items() if path}
    assert packages["node_modules/artillery"]["version"] == SUPPORTED
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not [path for path, entry in packages.items() if "resolved" in entry or "link" in entry]


def test_the_real_one_is_what_the_lock_file_says(artillery: Artillery) -> None:
    if artillery.cache is None:
        pytest.skip("this Artillery is the one on PATH:  make dev  installs loadctl's own")
    folder = artillery.cache.parent
    locked = json.loads((NPM / "package-lock.json").read_text())["packages"]
    for path, entry in locked.items():
        if path and not entry.get("optional"):
            assert json.loads((folder / path / "package.json").read_text())["version"] == entry["version"], (
                path
            )
    assert not [
        path for path in folder.rglob("*") if path.name.endswith(NOT_RUN) and "licen" not in path.name.lower()
    ]
    assert not list(folder.parent.glob(".*.partial"))


LOADS_ALL = """
import { createRequire } from 'node:module'
import { readdirSync } from 'node:fs'
const builtin = process.argv[2] + '/dist/builtin-packages'
const require = createRequire(builtin + '/')
for (const name of readdirSync(builtin)) await import(require.resolve(builtin + '/' + name))
const reporters = builtin + '/artillery-plugin-publish-metrics/lib'
for (const name of readdirSync(reporters)) require(reporters + '/' + name)
process.stdout.write(readdirSync(builtin).join(' '))
process.exit(0)
"""


def test_all_plugins_and_engines_that_come_with_the_real_one_load(
    artillery: Artillery, tmp_path: Path
) -> None:
    script = tmp_path / "loads_all.mjs"
    script.write_text(LOADS_ALL)
    done = subprocess.run(
        [artillery.node, script, artillery.package],
        env=npm_environment(os.environ, artillery.node),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"artillery-engine-playwright", "artillery-plugin-ensure", "artillery-plugin-fake-data"} <= set(
        done.stdout.split()
    )
