"""The rooms and the direction between them (CONTRIBUTING.md), asserted on the source itself."""

import ast
from collections import Counter
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "loadctl"
CORE = {"errors"}
MAY_IMPORT = {
    "scenario": set(),
    "results": {"scenario"},
    "analysis": {"results", "scenario"},
    "engines": {"results", "scenario"},
    "monitors": {"results", "scenario", "temporary"},
    "reference": {"results", "scenario"},
    "reports": {"analysis", "reference", "results", "scenario"},
    "run": {"engines", "monitors", "results", "scenario", "temporary"},
    "demo": set(),
    "cli": {
        "analysis",
        "demo",
        "engines",
        "monitors",
        "reference",
        "reports",
        "results",
        "run",
        "scenario",
        "temporary",
    },
}
PURE = ("scenario", "results", "analysis", "reference", "reports")
IMPURE_MODULES = {
    "os",
    "time",
    "subprocess",
    "socket",
    "threading",
    "psutil",
    "httpx",
    "random",
    "asyncio",
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "packaged" not in path.parts)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inwards(path: Path) -> None:
    room = room_of(path)
    if room not in MAY_IMPORT:
        return
    rooms = {name.split(".")[1] for name in graph()[module_of(path)] if "." in name}
    assert rooms - {room} - CORE <= MAY_IMPORT[room]


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(path) in PURE], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_the_pure_rooms_have_no_clock_no_process_and_no_io(path: Path) -> None:
    assert {name.split(".")[0] for name in imports_of(path)} & IMPURE_MODULES == set()


@cache
def graph() -> dict[str, set[str]]:
    """Each module with those that it imports, at the top or in a function."""
    modules = {module_of(path): path for path in FILES}
    return {name: imported(name, path, modules) - {name} for name, path in modules.items()}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(name: str, path: Path, modules: Mapping[str, Path]) -> set[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found.update(
                full if (full := f"{base}.{alias.name}") in modules else base for alias in node.names
            )
    return found & modules.keys()


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")


def test_a_directory_is_read_at_a_glance() -> None:
    """At most 20 modules, but for those where one file is one public thing: a command, a question."""
    catalogues = {PACKAGE / "cli" / "commands", PACKAGE / "analysis"}
    sizes = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {
        str(folder.relative_to(PACKAGE)): size
        for folder, size in sizes.items()
        if size > 20 and folder not in catalogues
    } == {}
    assert len(FILES) <= 300


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_outside_the_engine_process_imports_the_engine(path: Path) -> None:
    if "inside" not in path.parts:
        assert {name.split(".")[0] for name in imports_of(path)} & {"locust", "gevent"} == set()


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in FILES
        if room_of(path) in {"results", "analysis", "reports", "run", "monitors", "demo"}
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_nothing_downstream_knows_which_engine_ran(path: Path) -> None:
    names = {
        node.value.lower()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 30
    }
    assert names & {"locust", "artillery"} == set()


def lines_of_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Without the signature: that of a command is its table of options."""
    return (node.end_lineno or 0) - node.body[0].lineno + 1


def test_a_module_has_one_noun_and_a_function_one_job() -> None:
    """Modules ≤ 600 lines, functions ≤ 60: room for a table, not for a second noun."""
    long_modules = {
        str(path.relative_to(PACKAGE)): lines
        for path in FILES
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 600
    }
    long_functions = {
        f"{path.relative_to(PACKAGE)}:{node.name}": lines_of_body(node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of_body(node) > 60
    }
    assert long_modules == {}
    assert long_functions == {}
