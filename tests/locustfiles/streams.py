"""Bodies that come in pieces for 300 ms, read as scripts for language models read them."""

from locust import FastHttpUser, HttpUser, events
from notes import note, note_events
from steps import Steps

note_events(events)


def plain_lines(user):
    with user.client.get("/stream/6/50/lines", stream=True, catch_response=True) as response:
        note("lines", count=sum(1 for line in response.iter_lines() if line))
        response.success()


def plain_content(user):
    with user.client.post(
        "/stream/6/50/content", json={"stream": True}, stream=True, catch_response=True
    ) as response:
        note("content", bytes=sum(len(piece) for piece in response.iter_content(chunk_size=None)))


def plain_afterwards(user):
    response = user.client.get("/stream/6/50/afterwards", stream=True)
    note("afterwards", bytes=len(response.content))


def fast_lines(user):
    note("fast lines", count=sum(1 for line in user.client.iter_lines("/stream/6/50/fast-lines") if line))


def fast_content(user):
    with user.client.get("/stream/6/50/fast-content", stream=True, catch_response=True) as response:
        note("fast content", bytes=sum(len(piece) for piece in response.iter_content()))


def fast_read(user):
    with user.client.post("/stream/6/50/fast-read", json={}, stream=True, catch_response=True) as response:
        note("fast read", bytes=len(response.stream.read()))


class Plain(Steps, HttpUser):
    steps = (plain_lines, plain_content, plain_afterwards)


class Fast(Steps, FastHttpUser):
    steps = (fast_lines, fast_content, fast_read)
