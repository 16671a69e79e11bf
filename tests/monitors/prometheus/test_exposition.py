"""A metrics page is somebody else's: what is wanted of it is read exactly, and whatever it holds, nothing breaks."""

from __future__ import annotations

import contextlib
import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadctl.monitors.prometheus.exposition import ExpositionReader, NotAnExposition, Sample

PAGE = b"""\
# HELP db_pool_in_use Connections lent.
# TYPE db_pool_in_use gauge
db_pool_in_use{pool="main"} 3
db_pool_in_use{pool="a \\"quoted\\" }, one",host="x"} 4.5 1700000000000
# TYPE jobs counter
jobs 7
# TYPE waits_seconds histogram
waits_seconds_bucket{le="0.1"} 1
waits_seconds_bucket{le="+Inf"} 2
waits_seconds_sum 0.5
waits_seconds_count 2
unwanted_things_total 9
"""


def read(page: bytes, *wanted: str) -> list[Sample]:
    return list(ExpositionReader(wanted).read(page).samples)


def test_names_are_read_with_their_labels() -> None:
    assert read(PAGE, "db_pool_in_use") == [
        Sample("db_pool_in_use", (("pool", "main"),), 3, counter=False),
        Sample("db_pool_in_use", (("host", "x"), ("pool", 'a "quoted" }, one')), 4.5, counter=False),
    ]


def test_patterns_choose_names() -> None:
    assert {one.name for one in read(PAGE, "waits_*", "j?bs")} == {
        "waits_seconds_bucket",
        "waits_seconds_sum",
        "waits_seconds_count",
        "jobs",
    }


@pytest.mark.parametrize(
    ("page", "counter"),
    [
        (b"# TYPE a counter\na 1\n", True),
        (b"# TYPE a gauge\na 1\n", False),
        (b"a 1\n", False),
        (b"a_total 1\n", True),
        (b"# TYPE a_total gauge\na_total 1\n", False),
        (b'# TYPE a counter\na_total 1 # {trace="x"} 0.5 1.5\n# EOF\n', True),  # OpenMetrics
        (b"# TYPE a summary\na_count 1\n", True),
        (b'# TYPE a summary\na{quantile="0.5"} 1\n', False),
        (b"a_count 1\n", False),
        (b'a_bucket{le="1"} 1\n', True),
    ],
)
def test_what_only_grows_is_known_by_its_type_or_its_name(page: bytes, counter: bool) -> None:
    (sample,) = read(page, "a*")
    assert sample.counter is counter
    assert sample.value == 1


def test_what_is_no_number_is_left_out_with_a_note() -> None:
    page = ExpositionReader(["a", "b", "c"]).read(b"a NaN\nb +Inf\nc 1e400\n")
    assert page.samples == []
    assert page.notes["a"] == "the page says nan, which is not a number"
    assert set(page.notes) == {"a", "b", "c"}


def test_a_histogram_asked_for_by_its_family_is_explained() -> None:
    page = ExpositionReader(["waits_seconds"]).read(PAGE)
    assert (
        page.notes["waits_seconds"] == "it is a histogram: ask for waits_seconds_count or waits_seconds_sum"
    )


def test_a_page_without_anything_wanted_tells_what_it_has() -> None:
    page = ExpositionReader(["process_*"]).read(b"up 1\ngo_info 2\n")
    assert (page.samples, page.others) == ([], ["up", "go_info"])


@pytest.mark.parametrize("page", [b"", b"\n\n", b"# nothing yet\n", b" \r\n#x"])
def test_an_empty_page_is_a_page(page: bytes) -> None:
    assert read(page, "a") == []


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "it is an HTML page"),
        (b'{"status": "ok"}', "it is JSON"),
        (b"Some information for you", "it is something else"),
        (b"\x00\xff\x1f\x8b", "it is something else"),
    ],
)
def test_what_is_no_such_page_is_said(page: bytes, reason: str) -> None:
    with pytest.raises(NotAnExposition, match=reason):
        read(page, "a")


@pytest.mark.parametrize("line", [b"a one", b'a{b="} 1', b"a{b=c} 1", b"a ", b"a 1 1" + b"0" * 400])
def test_a_line_that_cannot_be_read_is_named_without_its_content(line: bytes) -> None:
    with pytest.raises(NotAnExposition, match=r"not NAME\{LABELS\} VALUE: a$"):
        read(b"b 1\n" + line + b"\n", "a", "b")


@given(
    st.sampled_from(["a", 'a{b="c"}', 'a{b="}",d="\\"} 1"}', 'a{b=" # {"}', "a{}", "a "]),
    st.lists(
        st.one_of(
            st.sampled_from(
                [" 1", " +Inf", " 1.5e3", " 1 2", "\t7 ", " 1.2.3", "9", " 1_0", ' 1 # {t="x"} 5', " x"]
            ),
            st.floats().map(" {!r}".format),
        ),
        min_size=1,
        max_size=6,
    ),
)
@example('a{b="c"}', [' 1 # {t="x"} 5'] * 2)
def test_a_line_that_was_seen_before_reads_as_if_it_were_new(head: str, ends: list[str]) -> None:
    """Values are parsed by a quicker way the second time."""

    def outcome(reader: ExpositionReader, line: str) -> str:
        try:
            page = reader.read(f"b 1\n{line}".encode())
        except NotAnExposition as error:
            return str(error)
        return f"{page.samples} {page.notes}"

    used = ExpositionReader(["a", "b"])
    for end in ends:
        assert outcome(used, head + end) == outcome(ExpositionReader(["a", "b"]), head + end)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.text('ab{}="\\,# \t\r1+-.eInfNaTYPcoutr', max_size=60).map(str.encode),
            st.sampled_from(
                [b"# TYPE a counter", b"a 1", b'a{b="c"} 2', b"a_total 9" * 3, b"a " + b"9" * 400]
            ),
        ),
        max_size=12,
    ).map(b"\n".join)
)
def test_hostile_pages_raise_the_declared_error_and_no_other(page: bytes) -> None:
    reader = ExpositionReader(["a*", "b", "*t*"])
    with contextlib.suppress(NotAnExposition):
        assert all(math.isfinite(one.value) for one in reader.read(page).samples)


@pytest.mark.parametrize(
    "page",
    [
        b"a{" + b'b="c",' * 1_600_000,
        b'a{b="' + b'\\"' * 5_000_000,
        b"a" * 10_000_000,
        b"a{}" * 3_000_000,
        b"a 1\n" * 2_500_000,
        b"\n" * 10_000_000,
        b"# TYPE a counter\n" * 600_000,
        b"".join(b"a%d 1\n" % n for n in range(1_000_000)),
    ],
    ids=["labels", "escapes", "one name", "braces", "lines", "empty lines", "types", "names"],
)
def test_ten_hostile_megabytes_take_seconds_at_most(page: bytes) -> None:
    began = time.thread_time()
    with contextlib.suppress(NotAnExposition):
        ExpositionReader(["a*"]).read(page)
    assert time.thread_time() - began < 4
