"""Command lines with odd words and odd files, in this process: an exit code that is documented, and never 70.

FUZZ_COMMANDS=2000 for more of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from loadctl.cli.app import funnel
from tests.fuzz.harness import ODD, Reader, made
from tests.fuzz.readers import READERS

COMMANDS = int(os.environ.get("FUZZ_COMMANDS", "40"))
DOCUMENTED = {0, 1, 2, 3, 4}
_FILES = {"scenario": "scenarios/s.yaml", "targets": "targets.yaml", "openapi": "o.yaml", "report": "r.json"}
_OF_A_SCENARIO = (
    "-H",
    "http://127.0.0.1:9",
    "-u",
    "3",
    "--rate",
    "5/s",
    "-t",
    "9s",
    "--engine",
    "artillery",
    "--json",
)
_LINES: tuple[tuple[str, ...], ...] = (
    ("validate", "s", "--json"),
    ("validate", "scenarios/s.yaml", "-q"),
    ("show", "s", *_OF_A_SCENARIO, "--target", "latency_p95=200ms"),
    ("show", "http://127.0.0.1:9/x", *_OF_A_SCENARIO, "-r", "2", "-T", "a", "-s", "5s"),
    ("show", "s.yml", "-e", "staging", "-v", '{"a": 1}', "--overrides", "{}", "-p", "r.json", "--dotenv", "o.yaml"),
    ("export", "s", "--engine", "locust", "--out", "out", "--force", "-t", "9s"),
    ("score", "r.json", "--targets", "targets.yaml", "--junit", "j.xml", "--markdown", "m.md", "--fail-on", "warn"),
    ("init", "o.yaml", "-H", "http://127.0.0.1:9", "--name", "s2"),
    ("report", "latest", "--format", "json", "--out", "runs"),
    ("runs", "--out", "runs", "--json"),
    ("list", "--json"),
    ("schema", "scenario"),
    ("capacity", "s", "--max", "9", "-H", "http://127.0.0.1:9", "--ready-timeout", "1ms"),
)  # fmt: skip


def line(random: Random) -> list[str]:
    """A valid one of which some words are gone, odd, or another command's."""
    words = list(random.choice(_LINES))
    for _ in range(random.choice((0, 1, 1, 2))):
        at = random.randrange(1, len(words)) if len(words) > 1 else 0
        match random.randrange(3):
            case 0:
                words[at] = os.fsdecode(random.choice(ODD))
            case 1:
                del words[at]
            case _:
                words.insert(at, random.choice(random.choice(_LINES)))
        words = words or ["list"]
    return words


def reader(name: str) -> Reader:
    return next(reader for reader in READERS if reader.name == name)


@pytest.mark.parametrize("number", range(4))
def test_a_command_line_ends_with_a_documented_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    for count in range(number, COMMANDS, 4):
        random = Random(count)
        odd = random.choice([*_FILES, ""])
        for name, file in _FILES.items():
            of = reader(name)
            Path(file).write_bytes(made(of, count)[0] if name == odd else of.seeds[0])
        Path("s.yml").write_bytes(made(reader("script"), count)[0])
        words = line(random)
        code = funnel(words)
        said = capsys.readouterr()
        os.chdir(tmp_path)  # -C may have left it
        assert code in DOCUMENTED, (count, words, code, said.err[-500:])
        assert "internal error" not in said.err
