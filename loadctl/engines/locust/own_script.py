"""What is known of a locustfile without running it: the hosts of its classes, and whether they verify TLS.

And Locust's settings besides the command line: environment variables and configuration files.
"""

from __future__ import annotations

import ast
import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loadctl.errors import InvalidInput, Mistake, UsageError, Where
from loadctl.scenario.consent import web_address
from loadctl.scenario.scenario import Scenario, Script

_NOT_USERS = ("TaskSet", "Shape")
"""Endings of the names of base classes that are not users."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """`hosts`: class → host, None if it is only known when the script runs; classes without a host are left out."""

    hosts: Mapping[str, str | None]
    insecure: bool


def completed(scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
    """Adds the hosts of the script's classes if the scenario has no host. Raises: InvalidInput."""
    script = scenario.script
    if script is None:
        return scenario
    own = read_own_file(script.paths, environ)
    if own.insecure and not scenario.user_types:  # those would not check certificates either
        scenario = replace(scenario, tls=replace(scenario.tls, verify=False))
    if scenario.host:
        return scenario
    hosts = _hosts(script, own, Where(scenario.source or script.path))
    return replace(scenario, host=hosts[0], script=replace(script, own_hosts=hosts))


def _hosts(script: Script, own: OwnFile, where: Where) -> tuple[str, ...]:
    chosen = script.classes or script.weights or own.hosts
    found = {name: host for name, host in own.hosts.items() if name in chosen}
    name = Path(script.path).name
    hint = "--host URL (-H), LOADCTL_HOST, or host: in the scenario"
    for user_class, host in found.items():
        if host is None:
            message = f"the host of {user_class} in {name} is only known when it runs; set the host"
            raise InvalidInput([Mistake(where, message, hint)])
    if not found:
        message = f"no host: no class in {name} says which system to load"
        raise InvalidInput([Mistake(where, message, hint)])
    return tuple(dict.fromkeys(host.rstrip("/") for host in found.values() if host))


def read_own_file(paths: Sequence[str], environ: Mapping[str, str]) -> OwnFile:
    """A file that cannot be parsed is skipped here: Locust will report what is wrong with it."""
    names: dict[str, ast.expr] = {}
    classes: dict[str, ast.ClassDef] = {}
    insecure = False
    for path in paths:
        try:
            with warnings.catch_warnings(action="ignore"):  # of its escapes: Python shows them when it runs
                tree = ast.parse(Path(path).read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # MemoryError: too many parentheses
        names |= dict(_assigned(tree.body))
        classes |= {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        insecure = insecure or any(map(_checks_no_certificates, ast.walk(tree)))
    hosts = {}
    for name, node in classes.items():
        try:
            value = _attribute(node, "host", classes) if _may_be_a_user(node) else None
            if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
                hosts[name] = _plain_url(_text(value, names, environ))
        except RecursionError:  # an expression of thousands of parts
            continue
    return OwnFile(hosts, insecure)


def _may_be_a_user(node: ast.ClassDef) -> bool:
    bases = [ast.unparse(base) for base in node.bases]
    abstract = dict(_assigned(node.body)).get("abstract")
    is_abstract = isinstance(abstract, ast.Constant) and abstract.value is True
    return bool(bases) and not is_abstract and not any(base.endswith(_NOT_USERS) for base in bases)


def _attribute(node: ast.ClassDef, name: str, classes: Mapping[str, ast.ClassDef]) -> ast.expr | None:
    """The attribute of the class, or of a base class in the same files."""
    own = dict(_assigned(node.body)).get(name)
    if own is not None:
        return own
    bases = [classes[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in classes]
    others = {other: found for other, found in classes.items() if found is not node}
    return next((found for base in bases if (found := _attribute(base, name, others)) is not None), None)


def _assigned(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for line in body:
        if isinstance(line, ast.Assign):
            yield from ((target.id, line.value) for target in line.targets if isinstance(target, ast.Name))
        elif isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
            yield line.target.id, line.value


def _text(value: ast.expr, names: Mapping[str, ast.expr], environ: Mapping[str, str]) -> str | None:
    """A literal, a name for one, or a variable of the environment with its default; None: something else."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) if name in names:
            return _text(names[name], {k: v for k, v in names.items() if k != name}, environ)
        case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
            return environ.get(name)
        case ast.Call(func=ast.Attribute() as function, args=[ast.Constant(value=str(name)), *default]):
            if ast.unparse(function).endswith(("os.getenv", "environ.get")):
                known = environ.get(name)
                return known if known is not None or not default else _text(default[0], names, environ)
    return None


def _plain_url(text: str | None) -> str | None:
    """None if it is not a host, or holds a password: only options may, because they hide it."""
    try:
        url = web_address(text or "")
    except ValueError:
        return None
    plain = "@" not in url.netloc
    return text if plain and not url.query and not url.fragment else None


def _checks_no_certificates(node: ast.AST) -> bool:
    """`insecure = True` of a FastHttpUser; `client.verify = False` or `verify=False` of requests."""
    match node:
        case ast.Assign(targets=[ast.Name(id="insecure")], value=ast.Constant(value=True)):
            return True
        case ast.Assign(targets=[ast.Attribute(attr="verify")], value=ast.Constant(value=False)):
            return True
        case ast.keyword(arg="verify", value=ast.Constant(value=False)):
            return True
    return False


VARIABLES: Mapping[str, str] = {
    "LOCUST_HOST": "host",
    "LOCUST_USERS": "users",
    "LOCUST_SPAWN_RATE": "spawn-rate",
    "LOCUST_RUN_TIME": "run-time",
    "LOCUST_TAGS": "tags",
    "LOCUST_EXCLUDE_TAGS": "exclude-tags",
    "LOCUST_USER_CLASSES": "user-classes",
}
"""Those that stand for an option that is not given."""
_OTHERS = """
LOCUSTFILE CONFIG_USERS WEB_HOST WEB_HOST_DISPLAY_NAME WEB_PORT AUTOSTART AUTOQUIT HEADFUL WEB_AUTH WEB_LOGIN TLS_CERT
TLS_KEY USERCLASS_PICKER BUILD_PATH LEGACY_UI MODE_MASTER MASTER_BIND_HOST MASTER_BIND_PORT EXPECT_WORKERS
EXPECT_WORKERS_MAX_WAIT MODE_WORKER PROCESSES MASTER_NODE_HOST MASTER_NODE_PORT WEB_BASE_PATH CSV CSV_FULL_HISTORY
PRINT_STATS ONLY_SUMMARY RESET_STATS HTML SKIP_LOG_SETUP LOGLEVEL LOGFILE EXIT_CODE_ON_ERROR STOP_TIMEOUT
ENABLE_OPENTELEMETRY SKIP_MONKEY_PATCH
"""
NOT_USED = frozenset(f"LOCUST_{name}" for name in _OTHERS.split())
"""Those that change a run of bare Locust and not one of loadctl. LOCUST_HEADLESS is not among them: loadctl always
runs headless.
"""
KEYS = {*VARIABLES.values(), "stop-timeout", "locustfile"} - {"user-classes"}
"""Keys of a configuration file that are options here."""
_ALWAYS = {"headless"}
_LINE = re.compile(
    r"(?P<key>[^:=;#\s]+)\s*(?:[:=\s]\s*(?P<value>.+?)?)?\s*(?:\s[;#].*)?$"  # as configargparse has it
)
_LIST = re.compile(r"\[(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Settings:
    """`values` by the option's long name without dashes; `unused`: names that have no such option."""

    values: Mapping[str, str]
    unused: tuple[str, ...] = ()


def from_variables(environ: Mapping[str, str]) -> Settings:
    values = {option: environ[name] for name, option in VARIABLES.items() if environ.get(name)}
    return Settings(values, tuple(sorted(name for name in environ if name in NOT_USED)))


def from_file(text: str, name: str) -> Settings:
    """As Locust reads it: `key = value` lines, or the section [tool.locust] of a .toml. Raises: UsageError."""
    try:
        found = dict(_of_toml(text) if name.endswith(".toml") else _of_lines(text))
    except RecursionError:
        raise UsageError(f"{name} is not a Locust configuration file: it is nested too deeply") from None
    except ValueError as error:
        raise UsageError(f"{name} is not a Locust configuration file: {error}") from error
    values = {key: value for key, value in found.items() if key in KEYS}
    unused = tuple(key for key in found if key not in KEYS | _ALWAYS)
    return Settings(values, unused)


def words_of(value: str) -> list[str]:
    """The words of a list, as Locust's parser takes it from a variable or a file: `[a, b]`, or one word."""
    match = _LIST.fullmatch(value.strip())
    parts = match[1].split(",") if match else [value]
    return [word for part in parts if (word := part.strip(" \"'"))]


def unread(folder: Path, home: Path, read: Path | None) -> Iterator[str]:
    """The files that bare Locust would read in this folder, by name."""
    for path, shown in (
        (home / ".locust.conf", "~/.locust.conf"),
        (folder / "locust.conf", "locust.conf"),
        (folder / "pyproject.toml", "pyproject.toml"),
    ):
        if path.is_file() and (read is None or not read.exists() or not path.samefile(read)):
            if path.suffix != ".toml":
                yield shown
            elif "[tool.locust]" in path.read_text(encoding="utf-8", errors="replace"):
                yield f"{shown} [tool.locust]"


def _of_toml(text: str) -> Iterator[tuple[str, str]]:
    section: object = tomllib.loads(text)
    for key in ("tool", "locust"):
        section = section.get(key, {}) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise tomllib.TOMLDecodeError("tool.locust must be a table: put its settings below [tool.locust]")
    for key, value in section.items():
        yield key, f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _of_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith(("#", ";", "[", "---")):
            match = _LINE.match(line)
            if match is None:
                raise ValueError(f"{line!r} is not a setting")
            yield match["key"], "true" if match["value"] is None else match["value"].strip("\"'")
