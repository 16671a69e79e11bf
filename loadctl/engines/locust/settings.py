"""Locust's settings besides the command line: environment variables and configuration files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loadctl.errors import UsageError

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
        raise tomllib.TOMLDecodeError("tool.locust is not a table; its settings stand below [tool.locust]")
    for key, value in section.items():
        yield key, f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _of_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith(("#", ";", "[", "---")):
            match = _LINE.match(line)
            if match is None:
                raise ValueError(f"{line!r} is not a setting")
            yield match["key"], "true" if match["value"] is None else match["value"].strip("\"'")
