"""`loadctl export` on the command line."""

from __future__ import annotations

from tests.cli.conftest import Loadctl


def test_the_packaged_scenarios_can_be_written_for_each_engine(loadctl: Loadctl) -> None:
    for engine, files in (("locust", ["locustfile.py"]), ("artillery", ["artillery.yml", "processor.js"])):
        for name in ("baseline", "stress", "spike", "endurance"):
            done = loadctl("export", name, "--engine", engine, "--out", f"{engine}-{name}")
            assert done.code == 0, done.err
            assert done.out.split() == [f"{engine}-{name}/{file}" for file in files]


def test_files_that_are_there_are_kept_unless_told(loadctl: Loadctl) -> None:
    assert loadctl("export", "baseline").code == 0
    done = loadctl("export", "baseline")
    assert done.code == 2
    assert "exported/locustfile.py is there already" in done.err
    assert "--force" in done.err
    assert loadctl("export", "baseline", "--force").code == 0
