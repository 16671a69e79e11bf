"""What both exports share: secrets that become variables of the environment, and what an export cannot keep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadctl.errors import UsageError
from loadctl.scenario.redaction import names_a_secret

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import UserType

LOST = (
    "the seed: random values and the order of tasks differ from run to run",
    "the exact schedule, the drain, and latencies to the last byte: figures are the engine's own",
)
"""What no engine by itself has."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Stands where a secret was; `name` is the variable of the environment that has to hold it."""

    name: str


@dataclass(frozen=True, slots=True)
class Secrets:
    values: Sequence[str]

    def split(self, text: str) -> Iterator[str | Secret]:
        """`text` in pieces, every secret replaced."""
        if not self.values:
            yield text
            return
        longest = sorted(self.values, key=len, reverse=True)
        for piece in re.split("(" + "|".join(map(re.escape, longest)) + ")", text):
            if piece in self.values:
                yield Secret(f"SECRET_{self.values.index(piece) + 1}")
            elif piece:
                yield piece


def without_script(scenario: Scenario) -> Scenario:
    """Raises: UsageError for a scenario that runs a script: that is an engine's own file already."""
    if scenario.script is not None:
        raise UsageError(
            f"{scenario.name} runs {scenario.script.path}, which is an engine's own file already",
            hint="export is for scenarios with user types",
        )
    return scenario


def rows_variable(user: UserType, scenario: Scenario) -> str | None:
    """The variable that names the CSV file of a user type, where its rows hold secrets; else None."""
    if not user.data or not any(map(names_a_secret, user.data[0])):
        return None
    return f"ROWS_{scenario.user_types.index(user) + 1}"


def identifier(name: str, taken: set[str]) -> str:
    """A name for code, none twice: letters, digits and _ of `name`."""
    words = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "step"
    base = f"_{words}" if words[0].isdigit() else words
    found, number = base, 2
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    taken.add(found)
    return found


def status_words(ranges: Sequence[tuple[int, int]]) -> str:
    if not ranges:
        return "below 400"
    return " or ".join(str(low) if low == high else f"{low}..{high}" for low, high in ranges)
