"""CPU a request and requests a second of all generators, in interleaved rounds; and of two shards against one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.comparison import Ratio, Samples, ratio, spread, table
from tests.bench.generator_cost import Cost, cost_of
from tests.bench.generators import GENERATORS, Generator, Start, user_type_on_artillery, user_type_on_locust
from tests.bench.web_server import Missing, web_server

OURS, FAST, K6 = "loadctl, user type on Locust", "Locust, FastHttpUser", "k6"
OURS_JS, ARTILLERY = "loadctl, user type on Artillery", "Artillery"
OWN, OWN_JS = "loadctl, own locustfile (FastHttpUser)", "loadctl, own Artillery script"


def cost(rounds: int) -> dict[str, object]:
    measured, missing = _measured(GENERATORS, rounds)
    cpu = {name: [each.cpu_us for each in costs] for name, costs in measured.items()}
    rate = {name: [each.per_s for each in costs] for name, costs in measured.items()}
    against = [_relative(cpu, name) for name in cpu]
    rows = [
        [name, spread(cpu[name]), spread(rate[name], 0), *relative]
        for name, relative in zip(cpu, against, strict=True)
    ]
    print(table(["20 users, small POST", "CPU µs a request", "requests a second", "/ Fast", "/ k6"], rows))
    found = [
        ratio(cpu, OURS, FAST, at_most=0.3),
        ratio(cpu, OURS, K6, at_most=0.5),
        ratio(cpu, OURS_JS, ARTILLERY, at_most=0.67),
        ratio(rate, OWN, FAST, at_least=0.95),
        ratio(rate, OWN_JS, ARTILLERY, at_least=0.9),
    ]
    units = ["CPU", "CPU", "CPU", "requests a second", "requests a second"]
    ratios = [(unit, each) for unit, each in zip(units, found, strict=True) if each is not None]
    for unit, each in ratios:
        print(f"{unit}, {each.line()}")
    for reason in missing:
        print(f"left out: {reason}")
    return {
        "cpu_us_a_request": cpu,
        "requests_per_s": rate,
        "ratios": [{"of": unit, **each.document()} for unit, each in ratios],
        "left_out": missing,
    }


def cores(rounds: int) -> dict[str, object]:
    """Two shards against one. Where the server needs a core of the two, what two free cores would give is computed."""
    pairs = [
        _with_workers(Generator(f"{name}, {n} shard{'s'[: n - 1]}", start), n)
        for name, start in (("Locust", user_type_on_locust), ("Artillery", user_type_on_artillery))
        for n in (1, 2)
    ]
    measured, missing = _measured(pairs, rounds)
    found: list[Ratio] = []
    for name in ("Locust", "Artillery"):
        one, two = f"{name}, 1 shard", f"{name}, 2 shards"
        if one not in measured or two not in measured:
            continue
        rate = {key: [each.per_s for each in measured[key]] for key in (one, two)}
        cpu = {key: [each.cpu_us for each in measured[key]] for key in (one, two)}
        print(f"{one}: {spread(rate[one], 0)} requests a second, {spread(cpu[one])} µs of CPU a request")
        print(f"{two}: {spread(rate[two], 0)} requests a second, {spread(cpu[two])} µs of CPU a request")
        print(f"  requests a second, on cores shared with the server: {_must(ratio(rate, two, one)).line()}")
        free = [2 * a / b for a, b in zip(cpu[one], cpu[two], strict=True)]
        found.append(Ratio(f"{name}, 2 shards on 2 free cores", "1 shard", free, at_least=1.7))
        print(f"  by CPU a request: {found[-1].line()}")
    return {"ratios": [each.document() for each in found], "left_out": missing}


def _relative(cpu: Samples, name: str) -> list[str]:
    found = (ratio(cpu, name, FAST), ratio(cpu, name, K6))
    return [f"{each.median:.2f}" if each is not None else "-" for each in found]


def _must(found: Ratio | None) -> Ratio:
    assert found is not None
    return found


def _with_workers(generator: Generator, workers: int) -> Generator:
    def start(folder: Path, url: str) -> Start:
        begun = generator.start(folder, url)
        return replace(begun, argv=[*begun.argv, "--workers", str(workers)])

    return replace(generator, start=start)


def _measured(generators: Sequence[Generator], rounds: int) -> tuple[dict[str, list[Cost]], list[str]]:
    """Each round begins with another generator, so that none always follows the same one."""
    measured: dict[str, list[Cost]] = {each.name: [] for each in generators}
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nginx").mkdir()
        with web_server(folder / "nginx") as server:
            for number in range(rounds):
                at = number % len(generators)
                for generator in (*generators[at:], *generators[:at]):
                    if generator.name not in missing:
                        try:
                            measured[generator.name].append(cost_of(generator, server, folder / "files"))
                        except (
                            Missing,
                            RuntimeError,
                        ) as error:  # without it the rounds would not fit together
                            missing[generator.name] = str(error)
                            del measured[generator.name]
                print(f"round {number + 1} of {rounds}", flush=True)
    return measured, list(missing.values())
