"""`--fault SPEC`: what can be written, and what is said about the rest."""

from __future__ import annotations

import math

import pytest

from loadctl.demo.fault import EXAMPLES, Fault, parse_fault
from loadctl.errors import UsageError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("latency=200ms", Fault(kind="latency", seconds=0.2, share=1, start_s=0)),
        ("latency=200ms@5%", Fault(kind="latency", seconds=0.2, share=0.05, start_s=0)),
        ("latency=200ms@10s", Fault(kind="latency", seconds=0.2, share=1, start_s=10)),
        ("latency=1.5s@0.5%@1m", Fault(kind="latency", seconds=1.5, share=0.005, start_s=60)),
        ("stall=2s/10s", Fault(kind="stall", seconds=2, every_s=10, start_s=10)),
        ("stall=2s/10s@3s", Fault(kind="stall", seconds=2, every_s=10, start_s=3)),
        ("errors=5%", Fault(kind="errors", share=0.05, start_s=0)),
        ("errors=100%@20s", Fault(kind="errors", share=1, start_s=20)),
        ("capacity=300/s", Fault(kind="capacity", per_s=300, start_s=0)),
        ("capacity=600/m@5s", Fault(kind="capacity", per_s=10, start_s=5)),
        ("slow-body=500ms", Fault(kind="slow-body", seconds=0.5, share=1, start_s=0)),
        ("slow-body=500ms@50%", Fault(kind="slow-body", seconds=0.5, share=0.5, start_s=0)),
        ("cpu=5ms", Fault(kind="cpu", seconds=0.005, share=1, start_s=0)),
        ("cpu=500us@2s", Fault(kind="cpu", seconds=0.0005, share=1, start_s=2)),
        ("reset=2%", Fault(kind="reset", share=0.02, start_s=0)),
        ("hang=100%@10s", Fault(kind="hang", share=1, start_s=10)),
        ("leak=60MB/m", Fault(kind="leak", per_s=1e6, start_s=0)),
        ("leak=60MB/min@5s", Fault(kind="leak", per_s=1e6, start_s=5)),
        ("sawtooth=50MB/20s", Fault(kind="sawtooth", peak_bytes=50e6, every_s=20, start_s=0)),
        ("linear=1ms@3s", Fault(kind="linear", seconds=0.001, start_s=3)),
        ("warmup=10s", Fault(kind="warmup", end_s=10)),
        ("ratelimit=off@4s", Fault(kind="ratelimit", per_s=math.inf, start_s=4)),
        ("ratelimit=shut", Fault(kind="ratelimit", per_s=0, start_s=0)),
        ("ratelimit=120/m@2s", Fault(kind="ratelimit", per_s=2, start_s=2)),
        ("crash@20s", Fault(kind="crash", start_s=20)),
        ("restart@20s+3s", Fault(kind="restart", start_s=20, back_s=3)),
        ("worker-crash@20s", Fault(kind="worker-crash", start_s=20, back_s=None)),
        ("worker-crash@20s+3s", Fault(kind="worker-crash", start_s=20, back_s=3)),
        ("latency=200ms@30s+20s", Fault(kind="latency", seconds=0.2, share=1, start_s=30, end_s=50)),
        ("errors=5%@0.1s+1m", Fault(kind="errors", share=0.05, start_s=0.1, end_s=60.1)),
        ("stall=2s/10s@3s+1m", Fault(kind="stall", seconds=2, every_s=10, start_s=3, end_s=63)),
    ],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize("example", EXAMPLES.values())
def test_every_example_in_the_hint_can_be_read(example: str) -> None:
    parse_fault(example)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no fault named ''"),
        ("leak=20MB", "'20MB' is not a growth such as 20MB/m"),
        ("leak=20/m", "the growth '20' is not a size such as 20MB"),
        ("leak=20MB/m@5%", "it takes no share (5%)"),
        ("sawtooth=50MB", "the period is missing"),
        ("warmup=10s@3s", "it begins at once, so it takes no start time (3s)"),
        ("ratelimit=on", "'on' is not off, shut or a rate such as 2/s"),
        ("latncy=200ms", "there is no fault named 'latncy'"),
        ("latency", "the extra latency is missing"),
        ("latency=200", "the extra latency '200' is not a duration such as 200ms"),
        ("latency=0ms", "the extra latency '0ms' is not a duration such as 200ms"),
        ("latency=200ms@0%", "'0%' is not a share from above 0% to 100%"),
        ("latency=200ms@101%", "'101%' is not a share from above 0% to 100%"),
        ("latency=200ms@10s@5%", "too many @ parts (5%): first the share in %, then the start time"),
        ("latency=200ms@later", "the start time 'later' is not a duration such as 200ms"),
        ("stall=2s", "the period is missing"),
        ("stall=10s/2s", "a freeze of 10s every 2s would never thaw"),
        ("stall=2s/10s@5%", "it takes no share (5%)"),
        ("errors=5", "'5' is not a share from above 0% to 100%"),
        ("errors", "its share in % is missing"),
        ("capacity=300", "'300' is not a rate such as 300/s"),
        ("capacity=0/s", "'0/s' is not a rate such as 300/s"),
        ("capacity", "its rate is missing"),
        ("crash", "the time of the crash is missing"),
        ("crash=20s", "it takes no value (20s)"),
        ("crash@5%", "it takes no share (5%)"),
        ("restart@20s", "the time down is missing"),
        ("worker-crash", "the time of the crash is missing"),
        ("worker-crash@20s+", "the time until another takes its place is missing"),
        ("latency=200ms@30s+", "the length is missing"),
        ("latency=200ms@30s+soon", "the length 'soon' is not a duration such as 200ms"),
        ("crash@20s+3s", "the time of the crash '20s+3s' is not a duration such as 200ms"),
        ("hang=nan%", "'nan%' is not a share from above 0% to 100%"),
    ],
)
def test_a_fault_that_cannot_be_read_is_refused_and_the_hint_lists_all(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_fault(text)
    assert refused.value.message == f"--fault {text}: {message}"
    assert refused.value.hint is not None
    assert all(example in refused.value.hint for example in EXAMPLES.values())
