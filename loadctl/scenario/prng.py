"""The values that templates make: the same on every engine, to the bit.

Standard library only, and nothing of loadctl: engines load this file by its path into their own Python. The
same rules hold for an engine in JavaScript; tests/scenario/prng-vectors.json is what both must produce.

* One stream a user: `Stream(hash32(seed, user))`, user counted over all shards. Everything random in its
  life draws from it as it happens: the task of a turn, pauses, and the helpers of a text from left to
  right. A request renders its url, query, headers and body in this order, each in the order of the file.
* Steps that are taken once per place draw from a stream of the place: `Stream(hash32(seed, -1 - place))`.
* A draw is a whole number below 2³², from mulberry32: 32-bit products (`Math.imul`), shifts and sums only.
* A number has one kind, as in JSON: a whole one is written without a fraction, any other as JavaScript writes it.
* The keys of a mapping that came from elsewhere stand in the order of JavaScript: whole numbers first, by size.
* Only `now` and `timestamp` are not fixed by the seed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TypeGuard, TypeVar

MASK = 0xFFFFFFFF
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
LARGEST = 2**53 - 1
"""Whole numbers beyond it are rounded by readers of JSON in JavaScript, and in many other languages."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_STRING_OR_POWER = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9.]+e[+-][0-9]+')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_UTC = timezone.utc  # noqa: UP017 - an engine's Python may be older than 3.11
_BLANKS = " \t\r\n"
Value = TypeVar("Value")


def mix32(h: int) -> int:
    """The finaliser of MurmurHash3: a bijection of 32-bit numbers in which every bit depends on all."""
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)


def hash32(seed: int, user: int) -> int:
    """Where the stream of `user` starts, both modulo 2³². With one seed no two users start alike."""
    return mix32(mix32((seed + 0x9E3779B9) & MASK) ^ (user & MASK))


class Stream:
    """mulberry32 and the helpers that draw from it. A helper that cannot answer raises ValueError."""

    __slots__ = ("_state",)

    def __init__(self, state: int) -> None:
        self._state = state & MASK

    def next(self) -> int:
        """The next draw: 0 … 2³² - 1."""
        self._state = a = (self._state + 0x6D2B79F5) & MASK
        t = ((a ^ (a >> 15)) * (a | 1)) & MASK
        t ^= (t + (t ^ (t >> 7)) * (t | 61)) & MASK
        return t ^ (t >> 14)

    def weighted_index(self, weights: Sequence[int]) -> int:
        """An index of `weights` (whole numbers, not all 0), by weight: draw modulo their sum. One draw."""
        draw = self.next()
        if len(weights) == 1:
            return 0
        left = draw % sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        raise AssertionError("the weights add up to more than their sum")

    def random_int(self, low: object, high: object) -> int:
        """low … high, both included: low + draw modulo their number. One draw."""
        if not (_whole(low) and _whole(high)):
            raise ValueError(f"random_int needs two whole numbers, not {_shown(low)} and {_shown(high)}")
        first, count = int(low), int(high) - int(low) + 1
        if not 0 < count <= MASK + 1:
            raise ValueError(f"random_int({first}, {int(high)}) has no values, or more than 2³²")
        return first + self.next() % count

    def random_float(self, low: object, high: object) -> int | float:
        """low ≤ x < high: low + (high - low) * (draw / 2³²), in doubles, in this order. One draw."""
        if not (_number(low) and _number(high)):
            raise ValueError(f"random_float needs two numbers, not {_shown(low)} and {_shown(high)}")
        drawn = low + (high - low) * (self.next() / 4294967296)
        if not math.isfinite(drawn):
            raise ValueError(f"random_float({text(low)}, {text(high)}) has too wide a range")
        return one_kind(drawn)

    def random_floats(self, count: object) -> list[int | float]:
        """`count` numbers in [0, 1) of 6 decimals: (draw modulo 10⁶) / 10⁶. One draw each."""
        draw = self.next
        return [(draw() % 1_000_000) / 1_000_000 or 0 for _ in range(_count("random_floats", count))]

    def random_string(self, count: object) -> str:
        """`count` characters of a-z0-9: the character at draw modulo 36. One draw each."""
        draw = self.next
        return "".join([ALPHABET[draw() % 36] for _ in range(_count("random_string", count))])

    def random_choice(self, values: object) -> object:
        """The item at draw modulo length. One draw."""
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise ValueError(f"random_choice needs a list, not {_shown(values)}")  # noqa: TRY004
        if not values:
            raise ValueError("random_choice was given an empty list")
        return values[self.next() % len(values)]

    def uuid(self) -> str:
        """Version 4: four draws as 8 hex digits; digit 12 is 4, digit 16 is "89ab" at its value modulo 4."""
        digits = f"{self.next():08x}{self.next():08x}{self.next():08x}{self.next():08x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def one_kind(number: float) -> int | float:
    """A whole float as an int, so that JSON and texts show 3, not 3.0. Beyond 2⁵³ floats stay as they are."""
    whole = isinstance(number, float) and number.is_integer() and abs(number) <= LARGEST
    return int(number) if whole else number


def to_int(value: object) -> int:
    """`int(x)`: a number cut towards zero; a text of digits with an optional sign; true 1, false 0."""
    found: int | None = None
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip(_BLANKS)):
        found = int(value.strip(_BLANKS)) if len(value) < 40 else LARGEST + 1
    elif isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        found = int(value)
    if found is None or abs(found) > LARGEST:
        raise ValueError(f"int() cannot read {_shown(value)}")
    return found


def to_float(value: object) -> int | float:
    """`float(x)`: a number as it is, or a text in decimal notation; true 1, false 0."""
    found = math.nan
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip(_BLANKS)):
        found = float(value.strip(_BLANKS))
    elif isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 1024):
        found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"float() cannot read {_shown(value)}")
    return one_kind(found)


def text(value: object) -> str:
    """`str(x)`, and how a value looks inside a text.

    null is empty, true and false as in JSON, numbers as JavaScript writes them, lists and mappings as JSON.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, int):
        return str(value)
    return as_json(value)


def as_json(value: object) -> str:
    """Compact JSON of a value whose numbers have one kind: the bytes of JavaScript's JSON.stringify."""
    if type(value) is int:  # json takes twenty times as long for a number
        return str(value)
    if isinstance(value, float):
        return _decimal(value)
    encoded = _encode(value)
    if "e-0" in encoded or "e+" in encoded:  # a power that Python writes otherwise, or a text like it
        encoded = _STRING_OR_POWER.sub(lambda m: m[0] if m[0][0] == '"' else _decimal(float(m[0])), encoded)
    return encoded


def in_order(mapping: Mapping[str, Value]) -> Mapping[str, Value]:
    """Keys that are whole numbers first, as an object of JavaScript has them."""
    first = [key for key in mapping if _INDEX.fullmatch(key) and int(key) < MASK]
    return {**{key: mapping[key] for key in sorted(first, key=int)}, **mapping} if first else mapping


def now() -> str:
    """UTC to the millisecond: 2026-11-23T14:27:07.120Z."""
    return datetime.now(_UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp() -> int:
    """Milliseconds since 1970, UTC."""
    moment = datetime.now(_UTC)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _decimal(number: float) -> str:
    """Number.prototype.toString: the shortest digits that read back, plain between 1e-6 and 1e21."""
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a number that can be sent")
    shown = repr(number)
    if "e" not in shown:
        return shown.removesuffix(".0") if number else "0"
    sign, digits, exponent = _shortest(number)
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _shortest(number: float) -> tuple[str, str, int]:
    """Sign, digits without a trailing zero, and the exponent of the last digit."""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    shortest = digits.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits) - len(shortest)
    return "-" if number < 0 else "", shortest, power


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: object) -> TypeGuard[int | float]:
    if type(value) is int:
        return -LARGEST <= value <= LARGEST
    return isinstance(value, float) and abs(value) <= LARGEST and value == math.floor(value)


def _count(name: str, value: object) -> int:
    if not _whole(value) or not 0 <= value <= 1_000_000:
        raise ValueError(f"{name} needs a whole number from 0 to 1,000,000, not {_shown(value)}")
    return int(value)


def _shown(value: object) -> str:
    shown = as_json(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"
