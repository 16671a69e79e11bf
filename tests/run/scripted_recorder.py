"""A peer that speaks the recorder's side of engines/base.py: `scripted_recorder.py FRAMES SHARD SECONDS [TRICK…]`.

One request a 10 ms of 5 ms each; tricks make it misbehave as real engines have.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time

FRAMES, SHARD, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
TRICKS = set(sys.argv[4:])
if "endless" in TRICKS:
    SECONDS = 1000
if "shape" in TRICKS:
    SECONDS = 3
signal.signal(signal.SIGINT, signal.SIG_DFL)
CELL = {"n": 100, "sum_us": 500_000, "min_us": 5000, "max_us": 5000, "h": {"1308": 100}}


def write(fd: int, **fields: object) -> None:
    os.write(fd, json.dumps(fields, separators=(",", ":")).encode() + b"\n")


class StandardInput:
    """Its lines, waited for no longer than asked."""

    def __init__(self) -> None:
        self._heard = b""

    def line(self, timeout_s: float) -> str | None:
        """A line; "" at its end, None when nothing came."""
        if b"\n" not in self._heard:
            if not select.select([0], [], [], timeout_s)[0]:
                return None
            block = os.read(0, 65536)
            if not block:
                return ""
            self._heard += block
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()


if "dies-first" in TRICKS:
    sys.stderr.write("Traceback\nModuleNotFoundError: No module named 'shop'\n")
    sys.exit(1)
if "refuses" in TRICKS:
    print("which tenant?", flush=True)
    sys.stderr.write("usage: locust [options]\nlocust: error: --tenant is required\n")
    sys.exit(21)
if "noisy" in TRICKS:
    sys.stderr.write("x" * 1_000_000)
if "grandchild" in TRICKS:
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)", FRAMES])
if "deaf" in TRICKS:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "mute" in TRICKS:
    time.sleep(60)

words = StandardInput()
fd = os.open(FRAMES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
clocks = {"monotonic_s": time.monotonic(), "wall_s": time.time()}
write(
    fd, kind="hello", format=1, engine="scripted", version="1.0", pid=os.getpid(), shard=SHARD, clocks=clocks
)
while not (line := words.line(5) or "").startswith("start "):
    if line == "":
        sys.exit(3)
t0 = float(line.split()[1])
write(fd, kind="note", message=f"secret {os.environ.get('SCRIPTED', '-')}")
if "refuses-late" in TRICKS:
    sys.stderr.write("own.py:7: the listener of test_start raised KeyError: 'id'\n")
    sys.exit(21)
t = 0
while t < SECONDS:
    while "deaf" in TRICKS and t > 0:
        time.sleep(1)
    said = words.line(max(0.0, t0 + t + 1 - time.monotonic()))
    if said == "":
        sys.exit(3)
    if said == "stop" or time.monotonic() < t0 + t + 1:
        break
    if "killed" in TRICKS and t == 1:
        os.write(fd, b'{"kind":"frame","t":1,"cel')
        os.kill(os.getpid(), signal.SIGKILL)
    if "shape" in TRICKS and t == 0:
        write(fd, kind="level", t=0.002, users=20, per_s=100.0)
    if "raises" in TRICKS:
        write(fd, kind="script", what="fault", t=t + 0.5, message=f"KeyError: {t}", where="own.py:12")
    cells: dict[str, object] = {"GET /": {"ok": CELL, "in_flight": 3}}
    if "wide" in TRICKS:
        cells |= {f"GET /{k}": {"bytes": 1} for k in range(300)}
    write(fd, kind="frame", t=t, users=10, leaving=0, lag_ms=[0.1], turns=100, faults=0, cells=cells)
    t += 1
totals = {"completed": t * 100}
if "shape" in TRICKS:
    write(fd, kind="level", t=float(t), users=0, per_s=0.0)
if "raises" in TRICKS:
    totals["script_faults"] = 206
    write(fd, kind="script", what="verdict", code=3)
write(fd, kind="bye", t=time.monotonic() - t0, unfinished={"GET /": [12.5]}, totals=totals)
if "cleans-up" in TRICKS:
    time.sleep(2.5)
    write(fd, kind="script", what="verdict", code=4, why="not met: p99 < 1")
if "lingers" in TRICKS:
    time.sleep(60)
