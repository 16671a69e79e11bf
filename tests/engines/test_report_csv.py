"""Locust's CSV files, line by line: what a name or a message holds does not cut a line in two."""

import csv
import io

import pytest

from loadctl.engines.locust.report_files import read_csv
from loadctl.errors import UsageError
from loadctl.scenario.reading.document import Text

STATS = (
    *("Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time"),
    *(
        "Min Response Time",
        "Max Response Time",
        "Average Content Size",
        "Requests/s",
        "Failures/s",
        "50%",
        "95%",
    ),
)
FIGURES = ("10", "0", "5", "5.0", "1", "9", "100", "2.0", "0.0", "5", "9")


def written(*rows: tuple[str, ...]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize(
    "sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\n", "\r\n", ","]
)
def test_a_name_may_hold_any_sign(sign: str) -> None:
    name = f"/a{sign}b"
    text = written(STATS, ("GET", name, *FIGURES), ("", "Aggregated", *FIGURES))
    report = read_csv(Text("run_stats.csv", text))
    assert [row.endpoint for row in report.endpoints] == [f"GET {name}"]
    assert report.total is not None
    assert report.total.requests == 10


def test_a_message_may_be_long() -> None:
    head = ("Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen")
    message = "x" * 200_000
    report = read_csv(Text("f.csv", written(head, ("GET", "/", message, "3", "", ""))))
    assert [(failure.error, failure.count) for failure in report.failures or ()] == [(message, 3)]


def test_a_damaged_file_is_said_to_be_one() -> None:
    text = written(STATS, ("", "Aggregated", "many", *FIGURES[1:]))
    with pytest.raises(UsageError, match=r"run_stats\.csv is cut off or damaged"):
        read_csv(Text("run_stats.csv", text))
