"""What Locust would take from its surroundings, held against Locust's own parser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadctl.engines.locust.own_script import (
    KEYS,
    NOT_USED,
    VARIABLES,
    Settings,
    from_file,
    from_variables,
    unread,
    words_of,
)
from loadctl.errors import UsageError

ASK = """
import json, sys
from locust.argument_parser import get_parser
parser = get_parser(default_config_files=[])
known = {a.env_var for a in parser._actions if getattr(a, "env_var", None)}
options = [option for a in parser._actions for option in a.option_strings]
given = json.load(sys.stdin)
read = vars(parser.parse_args(args=["--config", given])) if given else {}
print(json.dumps({"known": sorted(known), "options": options, "read": read}))
"""


def locust(config: str = "") -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", ASK], input=json.dumps(config), capture_output=True, text=True, check=True
    )
    said: dict[str, object] = json.loads(done.stdout)
    return said


def test_every_variable_of_locust_is_used_or_named() -> None:
    """Two are read beside its parser; that it has no page is said anyway."""
    known = set(locust()["known"])  # type: ignore[call-overload]
    ours = set(VARIABLES) | NOT_USED | {"LOCUST_HEADLESS"}
    assert ours == known | {"LOCUST_USER_CLASSES", "LOCUST_SKIP_MONKEY_PATCH"}


def test_variables_of_the_script_are_nobodys_business() -> None:
    environ = {
        "LOCUST_USERS": "5",
        "LOCUST_HOST": "",
        "LOCUST_CSV": "x",
        "LOCUST_API_TOKEN": "t",
        "PATH": "/",
    }
    assert from_variables(environ) == Settings({"users": "5"}, ("LOCUST_CSV",))


CONF = """
# a comment
[anything]
locustfile = f.py
headless
users = 10   # peak
spawn-rate: 2.5
run-time 1m30s
host = http://h:80/api
tags = [smoke, slow]
csv = out
"""
TOML = """
[tool.other]
users = 7
[tool.locust]
locustfile = "f.py"
headless = true
users = 10
spawn-rate = 2.5
run-time = "1m30s"
host = "http://h:80/api"
tags = ["smoke", "slow"]
csv = "out"
"""


@pytest.mark.parametrize(("name", "text"), [("locust.conf", CONF), ("pyproject.toml", TOML)])
def test_a_configuration_file_is_read_as_locust_reads_it(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    bare = locust(str(path))["read"]
    assert isinstance(bare, dict)
    ours = from_file(text, name)
    assert set(ours.values) == KEYS - {"exclude-tags", "stop-timeout"}
    assert ours.unused == ("csv",)
    values = ours.values
    assert (values["locustfile"], values["host"]) == (bare["locustfile"], bare["host"])
    assert (int(values["users"]), float(values["spawn-rate"])) == (bare["num_users"], bare["spawn_rate"])
    assert (values["run-time"], bare["run_time"]) == ("1m30s", 90)
    assert words_of(values["tags"]) == bare["tags"] == ["smoke", "slow"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.toml", "users = [", ""),
        ("x.toml", "users = " + 2000 * "[", "it is nested too deeply"),
        ("x.toml", "[[tool.locust]]", r"put its settings below \[tool.locust\]"),
        ("x.toml", "tool = 3", r"put its settings below \[tool.locust\]"),
        ("x.conf", "= 3", ""),
    ],
)
def test_what_is_no_configuration_file_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"is not a Locust configuration file: .*{message}"):
        from_file(text, name)


def test_files_that_bare_locust_would_read(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "project"
    for place in (home, folder):
        place.mkdir()
    assert list(unread(folder, home, None)) == []
    (home / ".locust.conf").write_text("users = 1")
    (folder / "locust.conf").write_text("users = 1")
    (folder / "pyproject.toml").write_text("[project]\n")
    assert list(unread(folder, home, None)) == ["~/.locust.conf", "locust.conf"]
    (folder / "pyproject.toml").write_text("[tool.locust]\nusers = 1\n")
    assert list(unread(folder, home, folder / "locust.conf")) == [
        "~/.locust.conf",
        "pyproject.toml [tool.locust]",
    ]
