from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.shell import Shell


@pytest.fixture
def loadctl(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    for going in shell.started:
        if going.popen.stdout is not None and not going.popen.stdout.closed:  # nobody has waited for it
            going.popen.kill()
            going.popen.communicate()
