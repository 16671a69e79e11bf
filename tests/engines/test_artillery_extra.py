"""Node is added in the way in which loadctl was installed."""

from __future__ import annotations

import json

import pytest

from loadctl.engines.artillery.locate import command

FOLDER = {"url": "file:///home/ann/two%20words"}


@pytest.mark.parametrize(
    ("prefix", "installer", "origin", "wanted"),
    [
        ("/home/ann/.venv", "pip\n", None, "pip install 'loadctl[artillery]'"),
        ("/home/ann/.venv", "uv", None, "uv pip install 'loadctl[artillery]'"),
        (
            "/opt/tools/venvs/loadctl",
            "pipx",
            None,
            "pipx install --force 'loadctl[artillery]'",
        ),
        (
            "/home/ann/.local/share/uv/tools/loadctl",
            "uv",
            None,
            "uv tool install --force 'loadctl[artillery]'",
        ),
        (
            "/home/ann/.venv",
            "pip",
            {**FOLDER, "dir_info": {"editable": True}},
            "pip install -e '/home/ann/two words[artillery]'",
        ),
        (
            "/home/ann/.venv",
            "uv",
            {**FOLDER, "dir_info": {}},
            "uv pip install '/home/ann/two words[artillery]'",
        ),
        (
            "/home/ann/.venv",
            "pip",
            {"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "1a"}},
            "pip install 'loadctl[artillery] @ git+https://h/r.git'",
        ),
        (
            "/home/ann/.venv",
            "pip",
            {"url": "file:///tmp/loadctl-1.whl", "archive_info": {}},
            "pip install 'loadctl[artillery] @ file:///tmp/loadctl-1.whl'",
        ),
    ],
)
def test_the_command_fits_the_installation(
    prefix: str, installer: str, origin: dict[str, object] | None, wanted: str
) -> None:
    assert command(prefix, installer, None if origin is None else json.dumps(origin)) == wanted
