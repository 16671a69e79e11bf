"""Temporary folders. They lie in one folder a process, which the next start removes when its process was killed.

A process holds a lock on its folder while it lives, and the kernel frees the lock however the process ends. The number
in the folder's name is for people: numbers are given away again, and containers that share /tmp count their own.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_TRIES = 8


def new_folder(kind: str) -> Path:
    """For its owner alone, and gone with the process at the latest. `kind`: the beginning of its name."""
    import tempfile

    return Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=_of_this_process()))


@contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """A new folder, removed on the way out."""
    folder = new_folder(kind)
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Whatever stands in it, as far as that can be done."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """The folders of processes that are gone. Costs 20 µs where there are none."""
    folder = _of_this_user()
    if not _is_ours(folder):
        return
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208  paths are not needed where there is nothing to do
            _remove_where_abandoned(folder / name)


def _remove_where_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, _FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its process lives
            remove(folder)
        finally:
            os.close(descriptor)


@cache
def _of_this_process() -> Path:
    import tempfile

    folder = _of_this_user()
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    for _ in range(_TRIES if _is_ours(folder) else 0):
        made = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
        if _locked(made):
            break
    else:  # somebody else's folder, a link, or no locks here: nobody will clear ours after a kill
        made = Path(tempfile.mkdtemp(prefix="loadctl-"))
    atexit.register(remove, made)
    return made


def _locked(folder: Path) -> bool:
    """For as long as the process lives. False: another start took it for an abandoned one before that."""
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return True
    os.close(descriptor)
    return False


def _of_this_user() -> Path:
    return Path(os.environ.get("TMPDIR") or "/tmp", f"loadctl-{os.getuid()}")  # noqa: S108  checked by _is_ours


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can put anything there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
