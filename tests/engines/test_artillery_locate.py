"""Which Artillery is taken, on which Node, and what is said where there is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from loadctl.engines.artillery.locate import (
    LIBRARIES,
    MARKER,
    SUPPORTED,
    Artillery,
    Missing,
    Node,
    find_node,
    home,
    install_extra,
    is_complete,
    locate,
    release,
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user with an empty home and nothing on PATH."""
    return {"PATH": str(tmp_path / "bin"), "XDG_DATA_HOME": str(tmp_path / "data")}


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the extra loadctl[artillery]."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)


def package(folder: Path, version: str = SUPPORTED) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "run").touch(mode=0o755)
    (folder / "package.json").write_text(json.dumps({"name": "artillery", "version": version}))
    for name, pinned in LIBRARIES.items():
        library(folder.parent / name, pinned)
    return folder


def library(folder: Path, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"version": version}))


def installed(folder: Path) -> Path:
    made = package(folder / "node_modules" / "artillery")
    (folder / MARKER).write_text(json.dumps({"release": release()}))
    return made


def on_path(tmp_path: Path, version: str = SUPPORTED) -> Path:
    """As `npm install --global` leaves it: a link in a folder of PATH."""
    made = package(tmp_path / "lib" / "node_modules" / "artillery", version)
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "artillery").symlink_to(made / "bin" / "run")
    return made


def node_on_path(tmp_path: Path, version: str, *, npm: bool = True) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name, says in (("node", f"v{version}"), ("npm", "11.0.0")):
        if name == "node" or npm:
            (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
            (folder / name).chmod(0o755)
    return folder / "node"


def package_of(found: Artillery | Missing) -> Path:
    assert isinstance(found, Artillery), found
    return found.package


def test_nothing_there_names_the_command(environ: dict[str, str]) -> None:
    assert locate(environ) == Missing("Artillery is not installed", "loadctl engines install artillery")


def test_the_order_is_prefix_then_user_then_path(environ: dict[str, str], tmp_path: Path) -> None:
    prefixed = {**environ, "LOADCTL_ENGINES": str(tmp_path / "prefix")}
    outside = on_path(tmp_path)
    assert package_of(locate(prefixed)) == outside
    of_user = installed(home(environ))
    assert package_of(locate(prefixed)) == of_user
    of_prefix = installed(home(prefixed))
    assert package_of(locate(prefixed)) == of_prefix
    assert package_of(locate(environ)) == of_user


def test_what_is_found_says_where_it_comes_from(environ: dict[str, str], tmp_path: Path) -> None:
    on_path(tmp_path)
    found = locate(environ)
    assert isinstance(found, Artillery)
    assert (found.version, found.origin) == ("2.0.34", f"{tmp_path / 'bin' / 'artillery'} (on PATH)")
    installed(home(environ))
    found = locate(environ)
    assert isinstance(found, Artillery)
    assert found.origin == str(home(environ))


def test_a_prefix_may_be_relative_or_begin_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert home({"LOADCTL_ENGINES": "here"}) == tmp_path / "here" / release()
    assert home({"LOADCTL_ENGINES": "~/there"}) == tmp_path / "me" / "there" / release()


def test_another_version_on_path_is_named_and_not_used(environ: dict[str, str], tmp_path: Path) -> None:
    made = on_path(tmp_path, "2.0.21")
    assert locate(environ) == Missing(
        f"{made} is Artillery 2.0.21; loadctl needs 2.0.34", "loadctl engines install artillery"
    )


@pytest.mark.parametrize("name", LIBRARIES)
def test_other_versions_of_what_its_engine_sends_with_are_named_and_not_used(
    environ: dict[str, str], tmp_path: Path, name: str
) -> None:
    """As Node finds them: its own folder first, then the folders above."""
    made = on_path(tmp_path)
    library(tmp_path / "node_modules" / name, "1.0.0")
    assert package_of(locate(environ)) == made
    library(made / "node_modules" / name, "7.0.0")
    install = "loadctl engines install artillery"
    assert locate(environ) == Missing(f"{made} has {name} 7.0.0; loadctl needs {LIBRARIES[name]}", install)
    shutil.rmtree(made / "node_modules")
    shutil.rmtree(made.parent / name)
    shutil.rmtree(tmp_path / "node_modules")
    assert locate(environ) == Missing(f"{made} lacks {name} {LIBRARIES[name]}, which loadctl needs", install)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / MARKER).unlink(),
        lambda folder: (folder / MARKER).write_text('{"release": "artillery-1.0.0-00000000"}'),
        lambda folder: (folder / MARKER).write_text('{"rel'),
        lambda folder: (folder / MARKER).write_text("[]"),
        lambda folder: shutil.rmtree(folder / "node_modules"),
        lambda folder: shutil.rmtree(folder / "node_modules" / "undici"),
    ],
    ids=["unmarked", "of another release", "torn", "nonsense", "emptied", "without a library"],
)
def test_a_folder_that_is_not_whole_is_no_installation(
    environ: dict[str, str], damage: Callable[[Path], object]
) -> None:
    folder = home(environ)
    installed(folder)
    assert is_complete(folder)
    damage(folder)
    assert not is_complete(folder)
    assert isinstance(locate(environ), Missing)


@pytest.mark.usefixtures("no_wheel")
def test_without_any_node_the_extra_is_named(environ: dict[str, str]) -> None:
    extra = install_extra()
    assert locate(environ) == Missing(
        "Artillery is not installed", f"{extra} && loadctl engines install artillery"
    )
    installed(home(environ))
    assert locate(environ) == Missing(
        "Node is not installed; Artillery needs Node 22.18 or newer", f"{extra}   or install Node"
    )


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("20.19.0", "is Node 20.19.0; Artillery needs Node 22.18 or newer"),
        ("22.17.9", "is Node 22.17.9; Artillery needs Node 22.18 or newer"),
        ("odd", "does not print its version"),
    ],
)
def test_an_old_node_on_path_is_named(
    environ: dict[str, str], tmp_path: Path, version: str, message: str
) -> None:
    path = node_on_path(tmp_path, version)
    installed(home(environ))
    found = locate(environ)
    assert isinstance(found, Missing)
    assert found.reason == f"{path} {message}"


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize("version", ["22.18.0", "22.20.1", "24.0.0"])
def test_a_node_on_path_serves(environ: dict[str, str], tmp_path: Path, version: str) -> None:
    path = node_on_path(tmp_path, version)
    assert find_node(environ) == Node(path, version, (str(tmp_path / "bin" / "npm"),))
    installed(home(environ))
    found = locate(environ)
    assert isinstance(found, Artillery)
    assert (found.node, found.node_version) == (path, version)


@pytest.mark.usefixtures("no_wheel")
def test_npm_is_needed_by_an_installation_only(environ: dict[str, str], tmp_path: Path) -> None:
    path = node_on_path(tmp_path, "24.1.0", npm=False)
    assert find_node(environ) == Node(path, "24.1.0", ())
    installed(home(environ))
    assert isinstance(locate(environ), Artillery)


def test_the_node_of_the_wheel_comes_first(environ: dict[str, str], tmp_path: Path) -> None:
    node_on_path(tmp_path, "26.0.0")
    found = find_node(environ)
    assert isinstance(found, Node)
    assert found.path.is_file()
    assert found.version.startswith("24.")
    assert [Path(word).is_file() for word in found.npm] == [True, True]


def test_a_wheel_with_an_old_node_is_passed_over(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _name: "20.18.1")
    path = node_on_path(tmp_path, "24.1.0")
    found = find_node(environ)
    assert isinstance(found, Node)
    assert found.path == path
