"""`make fuzz`: every reader in turn, for FUZZ_SECONDS (an hour) altogether, or FUZZ_INPUTS inputs each.

What it finds is written to corpus/<reader>/, where the tests read it again. FUZZ_FROM is the number of the first input.
"""

from __future__ import annotations

import os
import sys
import time
from hashlib import sha256
from itertools import count

from tests.fuzz.harness import CORPUS, Fault, fuzz
from tests.fuzz.readers import READERS

_MB = 10**6


def main(names: list[str]) -> int:
    """Exit code 1: something was found."""
    chosen = [reader for reader in READERS if not names or reader.name in names]
    first = int(os.environ.get("FUZZ_FROM", "0"))
    inputs = os.environ.get("FUZZ_INPUTS")
    seconds = float(os.environ.get("FUZZ_SECONDS", "3600")) / max(1, len(chosen))
    found = 0
    print(
        f"{'reader':<24}{'inputs':>9}{'mutated':>9}{'accepted':>10}{'slowest':>10}{'memory':>9}  faults",
        flush=True,
    )
    for reader in chosen:
        numbers = count(first) if inputs is None else range(first, first + int(inputs))
        tally = fuzz(reader, numbers, None if inputs else time.monotonic() + seconds)
        mutated, accepted = (part / max(1, tally.inputs) for part in (tally.mutated, tally.accepted))
        print(
            f"{reader.name:<24}{tally.inputs:>9,}{mutated:>9.0%}{accepted:>10.0%}{tally.slowest_s:>8.2f} s"
            f"{tally.growth // _MB:>6} MB  {len(tally.faults)}",
            flush=True,
        )
        for fault in tally.faults:
            print(f"  {fault}\n  {_kept(fault)}", flush=True)
        found += len(tally.faults)
    return int(found > 0)


def _kept(fault: Fault) -> str:
    path = CORPUS / fault.reader / sha256(fault.data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(fault.data)
    return str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
