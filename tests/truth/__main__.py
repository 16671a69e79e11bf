"""`make truth`: carry the cases out, two at a time, keep what was measured, and print the confusion matrix.

`python -m tests.truth leak crash` carries out these two, whatever was kept of them; without names, all that no run was
kept of yet. A run that was disturbed by others is carried out again by its name.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loadctl.cli.judging import judged
from loadctl.run.directory import RunDirectory
from loadctl.run.store import list_runs
from tests.truth.cases import CASES, Case
from tests.truth.kept import RECORDED, folder_of, is_kept, keep
from tests.truth.matrix import Outcome, table

_AT_A_TIME = 2
_LONGEST_S = 1200


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.stderr.write(f"no such case: {', '.join(unknown)}; there are: {', '.join(CASES)}\n")
        return 2
    due = [CASES[name] for name in names] or [case for case in CASES.values() if not is_kept(case)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(_carried_out, [case for case in due if not case.alone]))
    for case in due:
        if case.alone:
            _carried_out(case)
    outcomes = [outcome_of(case) for case in CASES.values() if is_kept(case)]
    told = table(outcomes)
    (RECORDED / "matrix.txt").write_text(told, encoding="utf-8")
    sys.stdout.write(told)
    return int(any(outcome.mistakes for outcome in outcomes))


def outcome_of(case: Case) -> Outcome:
    """What was kept of it, judged."""
    return Outcome(case, judged(RunDirectory(folder_of(case))).result)


def _carried_out(case: Case) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="loadctl-truth-") as folder:
        for name, text in {f"{case.name}.yaml": case.scenario, **case.files}.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LOADCTL_", "LOCUST_"))}
        argv = [sys.executable, "-m", "loadctl", *case.argv(f"{case.name}.yaml"), "-q"]
        ended = subprocess.run(
            argv, cwd=folder, env=env, capture_output=True, text=True, timeout=_LONGEST_S, check=False
        )
        runs = list_runs(Path(folder, "runs"))
        if not runs:
            sys.stderr.write(f"{case.name}: {ended.stderr}\n")
            return
        keep(case, runs[0])
    mistakes = outcome_of(case).mistakes
    took = f"{case.name}: {time.monotonic() - began:.0f} s"
    sys.stderr.write(f"{took}: {'; '.join(mistakes) or 'as it has to be'}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
