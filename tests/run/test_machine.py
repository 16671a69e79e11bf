"""What a run says of the machine and the revision."""

import subprocess
from pathlib import Path

from loadctl.run.machine import git_revision


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("1\n")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "one")
    return folder


def test_the_revision_says_whether_files_differ(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    clean = git_revision(folder)
    assert clean is not None
    assert len(clean) == 12
    (folder / "file").write_text("other\n")
    assert git_revision(folder) == f"{clean}-dirty"
    assert git_revision(tmp_path) is None


def test_no_program_that_a_repository_names_is_run(tmp_path: Path) -> None:
    inner, folder = repository(tmp_path / "inner"), repository(tmp_path / "outer")
    git(folder, "submodule", "--quiet", "add", str(inner), "sub")
    (folder / ".gitattributes").write_text("* filter=own\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "two")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/executed\ncat\n")
    program.chmod(0o755)
    for place in (folder, folder / "sub"):
        git(place, "config", "core.fsmonitor", str(program))
    for name in ("clean", "process"):
        git(folder, "config", f"filter.own.{name}", str(program))
    git(folder, "config", "filter.own.required", "true")
    (folder / "file").write_text("2\n")
    (folder / "sub" / "file").write_text("2\n")
    (tmp_path / "executed").unlink(missing_ok=True)
    revision = git_revision(folder)
    assert revision is not None
    assert revision.endswith("-dirty")
    assert not (tmp_path / "executed").exists()
