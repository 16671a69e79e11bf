"""Odd input for everything that reads: valid files mutated, and bytes from nowhere.

A reader may accept an input or refuse it with an error of its own. Any other exception would be exit 70. More than
5 s of CPU, or a peak of memory that grows by more than 500 MB, is a fault too. An input is made from its reader's name
and a number, so a fault can be made again. What was found once stands in corpus/<reader>/; every test run reads it.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from types import FrameType

from loadctl.errors import LoadctlError

CORPUS = Path(__file__).parent / "corpus"
MOST_SECONDS = 5.0
MOST_BYTES = 500 * 10**6
MUTATED = 0.8
"""Share of the inputs that come from a valid file."""


@dataclass(frozen=True)
class Reader:
    name: str
    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    """Valid inputs; those in JSON (also one object a line) are mutated as trees too."""
    words: Sequence[bytes] = ()
    """What this reader knows: keys, units, functions."""
    allowed: tuple[type[Exception], ...] = (LoadctlError,)

    def corpus(self) -> Sequence[Path]:
        return sorted((CORPUS / self.name).glob("*"))


@dataclass(frozen=True)
class Fault:
    reader: str
    number: int
    what: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.reader} #{self.number}: {self.what}; input: {self.data[:200]!r}"


@dataclass
class Tally:
    """What a reader was given, and how it bore it."""

    inputs: int = 0
    mutated: int = 0
    accepted: int = 0
    slowest_s: float = 0.0
    growth: int = 0
    faults: list[Fault] = field(default_factory=list)


class _TooLong(BaseException):
    """Passes every `except Exception`."""


def fuzz(reader: Reader, numbers: Iterator[int] | range, until: float | None = None) -> Tally:
    """`until`: on the monotonic clock. At most 20 faults."""
    tally = Tally()
    for number in numbers:
        if len(tally.faults) >= 20 or (until is not None and time.monotonic() > until):
            break
        data, mutated = made(reader, number)
        tally.mutated += mutated
        meet(reader, data, tally, number)
    return tally


def meet(reader: Reader, data: bytes, tally: Tally, number: int = -1) -> None:
    """Let `reader` read `data`, and write down how that went."""
    peak, begun = _peak(), time.process_time()
    what = None
    try:
        with _at_most(2 * MOST_SECONDS):
            reader.read(data)
        tally.accepted += 1
    except reader.allowed:
        pass
    except _TooLong:
        what = "does not end"
    except Exception as error:  # noqa: BLE001  (anything else is what is looked for)
        what = f"{type(error).__name__}: {str(error)[:200]}, {_place(error)}"
    spent, growth = time.process_time() - begun, _peak() - peak
    tally.inputs += 1
    tally.slowest_s, tally.growth = max(tally.slowest_s, spent), max(tally.growth, growth)
    if what is None and spent > MOST_SECONDS:
        what = f"took {spent:.1f} s of CPU"
    if what is None and growth > MOST_BYTES:
        what = f"took {growth / 1e6:.0f} MB"
    if what is not None:
        tally.faults.append(Fault(reader.name, number, what, data))


def made(reader: Reader, number: int) -> tuple[bytes, bool]:
    """Input `number` of a reader, and whether it comes from a valid file."""
    random = Random(sha256(f"{reader.name}/{number}".encode()).digest())
    if random.random() < MUTATED:
        data = random.choice(reader.seeds)
        for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
            data = random.choice(_MUTATIONS)(random, data, reader)
        return data[:_LONGEST], True
    return _from_nowhere(random, reader), False


def _from_nowhere(random: Random, reader: Reader) -> bytes:
    match random.randrange(3):
        case 0:
            return random.randbytes(random.choice((0, 1, 2, 8, 100, 2000)))
        case 1:
            return json.dumps(_odd_tree(random, 3)).encode(errors="surrogatepass")
        case _:
            words = [*reader.words, *ODD, b" ", b"\n", b": ", b", ", b"- ", b"{", b"}"]
            return b"".join(random.choice(words) for _ in range(random.randrange(1, 12)))[:_LONGEST]


_LONGEST = 2_000_000

ODD: Sequence[bytes] = (
    *(b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1b[31m", b"\r", b"\x85", b"\n", b"\t"),
    *(
        b"0",
        b"-1",
        b"-0",
        b"1e999",
        b"1e308",
        b"-1e308",
        b"1e-400",
        b"NaN",
        b"nan",
        b"Infinity",
        b".inf",
        b"08",
        b"1_0",
    ),
    *(
        b"9" * 16,
        b"9" * 310,
        b"9" * 400,
        b"9" * 4301,
        b"0." + b"9" * 400,
        b"0x" + b"f" * 5000,
        b"1e" + b"9" * 400,
    ),
    *("²".encode(), "٣".encode(), "½".encode(), "ß".encode(), "\u202e".encode(), "\U0001f600".encode()),
    *(
        b"null",
        b"true",
        b"{}",
        b"[]",
        b'""',
        b"''",
        b"~",
        b"!!timestamp 1",
        b"!!bool foo",
        b"&a [*a]",
        b"<<: *a",
    ),
    *(
        b"[" * 2000,
        b"{" * 2000,
        b'{"a":' * 2000,
        b"(" * 1500,
        b"((a*)*)*b",
        b"a{1,99999}{1,99999}",
        b"(?P<",
        b"\\",
    ),
    *(
        b"a" * 300,
        b"a" * 5000,
        b"a" * 140_000,
        b"../" * 100,
        b"/dev/zero",
        b"http://[x",
        b"http://a:99999",
        b"//[::1",
    ),
    *(
        b"{{",
        b"}}",
        b"{{ 1e999 }}",
        b"{{ " + b"int(" * 2000,
        b"${",
        b"${X}",
        b"${" * 500,
        b"%s%n",
        b"%",
        b"{0}",
    ),
    *(
        b"10026-01-01T00:00:00Z",
        b"0000-00-00",
        b"12:60:61",
        b"9999-12-31T23:59:59+99:99",
        b",,,,",
        b'"',
        b"'",
    ),
)

_ODD_VALUES: Sequence[object] = (
    *(
        None,
        True,
        False,
        "",
        [],
        {},
        0,
        -1,
        1e308,
        -1e308,
        1.5,
        2**53 + 1,
        2**64,
        10**30,
        float("nan"),
        float("inf"),
    ),
    *(
        "²",
        "٣",
        "\0",
        "\ud800",
        "\n",
        "\u202e",
        "a" * 300,
        "a" * 70_000,
        "1",
        "NaN",
        "1e999",
        "9" * 400,
        "{{ x }}",
    ),
    *(
        "http://[x",
        "../x",
        [[[[[]]]]],
        {"": {"": {"": {}}}},
        [None],
        {"a": None},
        {"$ref": "#"},
        1e-300,
        10**400,
    ),
)


def _odd_tree(random: Random, depth: int) -> object:
    if depth == 0 or random.random() < 0.4:
        return random.choice(_ODD_VALUES)
    if random.random() < 0.5:
        return [_odd_tree(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(("", "a", "x" * 300, "\ud800")): _odd_tree(random, depth - 1) for _ in range(3)}


_TOKEN = re.compile(rb"[\w.]+|[^\w\s]")


def _token(random: Random, data: bytes) -> tuple[int, int]:
    """Where a token stands, found from a random place on."""
    at = random.randrange(len(data) + 1)
    found = _TOKEN.search(data, at) or _TOKEN.search(data)
    return found.span() if found else (0, 0)


def _span(random: Random, data: bytes) -> tuple[int, int]:
    """A few lines, or any stretch."""
    if random.random() < 0.5:
        lines = [0, *(match.end() for match in re.finditer(rb"\n", data)), len(data)]
        first = random.randrange(len(lines))
        return lines[first], lines[min(len(lines) - 1, first + random.randrange(1, 4))]
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 8, 40)))


def _odd(random: Random, reader: Reader) -> bytes:
    return random.choice(reader.words) if reader.words and random.random() < 0.4 else random.choice(ODD)


def _replace_token(random: Random, data: bytes, reader: Reader) -> bytes:
    start, end = _token(random, data)
    return data[:start] + _odd(random, reader) + data[end:]


def _insert(random: Random, data: bytes, reader: Reader) -> bytes:
    at = random.choice(_token(random, data))
    return data[:at] + _odd(random, reader) + data[at:]


def _delete(random: Random, data: bytes, _: Reader) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes, _: Reader) -> bytes:
    start, end = _span(random, data)
    times = random.choice((2, 2, 3, 20, 2000))
    return data[:start] + (data[start:end] * times)[:200_000] + data[end:]


def _move(random: Random, data: bytes, _: Reader) -> bytes:
    start, end = _span(random, data)
    rest = data[:start] + data[end:]
    at = random.randrange(len(rest) + 1)
    return rest[:at] + data[start:end] + rest[at:]


def _splice(random: Random, data: bytes, reader: Reader) -> bytes:
    other = random.choice(reader.seeds)
    return data[: _span(random, data)[0]] + other[_span(random, other)[0] :]


def _flip(random: Random, data: bytes, _: Reader) -> bytes:
    changed = bytearray(data or b"\0")
    for _n in range(random.choice((1, 2, 8))):
        changed[random.randrange(len(changed))] = random.choice((random.randrange(256), 0, 0xFF, 0x80))
    return bytes(changed)


def _cut(random: Random, data: bytes, _: Reader) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _change_tree(random: Random, data: bytes, reader: Reader) -> bytes:
    """A value or a key of a JSON text (or of one of its lines) becomes another one."""
    lines = data.splitlines(keepends=True)
    start, end = 0, len(data)
    if len(lines) > 1 and lines[0].rstrip().endswith(b"}"):
        which = random.randrange(len(lines))
        start = sum(map(len, lines[:which]))
        end = start + len(lines[which])
    try:
        tree = json.loads(data[start:end])
    except (ValueError, RecursionError):
        return _replace_token(random, data, reader)
    text = json.dumps(_changed(random, tree)).encode(errors="surrogatepass")
    return data[:start] + text + (b"\n" if data[start:end].endswith(b"\n") else b"") + data[end:]


def _changed(random: Random, tree: object) -> object:
    if isinstance(tree, dict) and tree and random.random() < 0.9:
        key = random.choice(list(tree))
        if random.random() < 0.1:
            return {k: v for k, v in tree.items() if k != key}
        if random.random() < 0.05:
            return {random.choice(("", "a" * 300, "\0", "²")) if k == key else k: v for k, v in tree.items()}
        return tree | {key: _changed(random, tree[key])}
    if isinstance(tree, list) and tree and random.random() < 0.9:
        at = random.randrange(len(tree))
        if random.random() < 0.1:
            return tree[:at] + tree[at:] * random.choice((0, 2, 50))
        return [*tree[:at], _changed(random, tree[at]), *tree[at + 1 :]]
    return random.choice(_ODD_VALUES)


_MUTATIONS: Sequence[Callable[[Random, bytes, Reader], bytes]] = (
    *(_replace_token, _replace_token, _insert, _delete, _repeat, _move, _splice, _flip, _cut),
    *(_change_tree, _change_tree),
)


def _place(error: BaseException) -> str:
    """The last line of ours that it came through."""
    ours, trace = "?", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "loadctl/" in file and "tests/" not in file:
            ours = f"{file.rpartition('loadctl/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return ours


def _peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _at_most(cpu_s: float) -> Iterator[None]:
    """CPU, not time: other tests run beside this one."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
