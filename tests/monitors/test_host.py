"""The machine itself: every byte counted once, what cannot be read left out with a reason, and all of it cheap."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors import generator
from loadctl.monitors.generator import (
    HostSource,
    bytes_by_card,
    bytes_of_disks,
    parse_file_nr,
    parse_memory,
    spent_and_busy_s,
)
from loadctl.results.recording import Reading

linux = pytest.mark.skipif(sys.platform != "linux", reason="files of Linux")

DISKS = {"nvme0n1": (2000, 800), "nvme0n1p1": (1900, 700), "dm-0": (1900, 700), "sda": (10, 20)}
NETWORK = {"lo": (7000, 7000), "eth0": (1500, 300), "docker0": (900, 200)}


def reading(source: HostSource, t: float) -> Reading:
    (only,) = source.sample(t)
    assert isinstance(only, Reading)
    return only


def test_partitions_and_mapped_devices_are_not_counted_again() -> None:
    whole = {"nvme0n1", "sda"}
    assert bytes_of_disks(DISKS, whole.__contains__) == {
        "disk_read_bytes": 2010,
        "disk_write_bytes": 820,
    }


def test_a_machine_without_disks_has_no_rates_of_them() -> None:
    assert bytes_of_disks(DISKS, lambda _: False) == {}


def test_bridges_are_not_counted_beside_the_cards_and_loopback_by_itself() -> None:
    assert bytes_by_card(NETWORK, {"eth0"}.__contains__) == {
        "network_rx_bytes": 1500,
        "network_tx_bytes": 300,
        "loopback_bytes": 7000,
    }


def test_where_no_card_is_real_all_interfaces_are() -> None:
    assert bytes_by_card(NETWORK, lambda _: False)["network_rx_bytes"] == 2400


def test_open_files_of_the_machine() -> None:
    assert parse_file_nr(b"1000\t24\t2466186\n") == {"open_files": 976, "open_files_limit": 2466186}
    assert parse_file_nr(b"1000 0 9223372036854775807\n") == {"open_files": 1000}


def test_memory_and_swap() -> None:
    content = b"MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\nSwapTotal: 200 kB\nSwapFree: 150 kB\n"
    assert parse_memory(content) == {
        "memory_pct": 75,
        "memory_available_bytes": 256_000,
        "swap_used_bytes": 51_200,
        "swap_pct": 25,
    }


@given(st.binary(max_size=200))
def test_memory_of_a_strange_kernel_raises_what_is_handled(content: bytes) -> None:
    try:
        parse_memory(content)
    except (OSError, ValueError):
        pass
    else:
        pytest.fail("that was no /proc/meminfo")


@linux
@given(st.lists(st.integers(0, 10**9), min_size=10, max_size=10), st.integers(1, 200))
def test_a_machine_that_was_idle_was_not_busy_for_less_than_no_time(ticks: list[int], idle: int) -> None:
    before = type(psutil.cpu_times())(*(one / 100 for one in ticks))
    after = before._replace(idle=(ticks[3] + idle) / 100)
    assert spent_and_busy_s(after)[1] == spent_and_busy_s(before)[1]


@linux
def test_the_second_reading_has_everything() -> None:
    source = HostSource()
    reading(source, 0)
    time.sleep(0.05)
    seen = reading(source, 1)
    assert {
        "cpu_pct",
        "load_1m",
        "memory_pct",
        "memory_available_bytes",
        "network_rx_bytes_per_s",
        "network_tx_bytes_per_s",
        "loopback_bytes_per_s",
        "open_files",
    } <= set(seen.values)
    assert all(value >= 0 for value in seen.values.values())
    assert 0 < seen.values["memory_pct"] < 100
    if Path("/proc/pressure").exists():
        assert {"cpu_pressure_pct", "memory_pressure_pct", "io_pressure_pct"} <= set(seen.values)


@linux
def test_bytes_that_go_over_loopback_are_seen() -> None:
    source = HostSource()
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as sender:
            receiver, _ = server.accept()
            eats = threading.Thread(target=lambda: [None for _ in iter(lambda: receiver.recv(1 << 20), b"")])
            eats.start()
            reading(source, 0)
            began = time.monotonic()
            sender.sendall(b"x" * 20_000_000)
            seen = reading(source, 1)
            took_s = time.monotonic() - began
        eats.join()
        receiver.close()
    assert seen.values["loopback_bytes_per_s"] * took_s > 15_000_000


@linux
def test_open_files_grow_with_the_files_that_are_open(tmp_path: Path) -> None:
    before = reading(HostSource(), 0).values["open_files"]
    files = [(tmp_path / str(n)).open("w") for n in range(400)]
    after = reading(HostSource(), 0).values["open_files"]
    for file in files:
        file.close()
    assert after - before > 100  # the kernel counts in batches, and others open and close files


def test_what_cannot_be_read_is_left_out_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> dict[str, int]:
        raise PermissionError("no")

    monkeypatch.setattr(generator, "disk_bytes", refused)
    source = HostSource()
    first, second = reading(source, 0), reading(source, 1)
    assert first.notes["disk_write_bytes_per_s"] == "not available on this machine: PermissionError"
    assert "disk_write_bytes_per_s" not in second.notes
    assert "memory_pct" in second.values
    assert not any(name.startswith("disk_") for name in second.values)


def test_a_machine_without_swap_has_no_share_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without = b"MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    monkeypatch.setattr(generator, "_memory", lambda: parse_memory(without))
    seen = reading(HostSource(), 0)
    assert "swap_pct" not in seen.values
    assert seen.notes["swap_pct"] == "this machine has no swap"


def test_a_counter_that_is_set_back_gives_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    source = HostSource()
    for received, expected in ((100, False), (200, True), (50, False), (60, True)):
        monkeypatch.setattr(generator, "network_bytes", lambda n=received: {"network_rx_bytes": n})
        assert ("network_rx_bytes_per_s" in reading(source, 0).values) is expected


@pytest.mark.quiet
def test_it_costs_less_than_a_thousandth_of_a_core() -> None:
    source = HostSource()
    began = time.thread_time()
    for t in range(100):
        source.sample(t)
    assert (time.thread_time() - began) / 100 < 0.001
