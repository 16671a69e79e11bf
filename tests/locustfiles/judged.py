"""Responses that the script judges by itself, with both clients."""

from locust import FastHttpUser, HttpUser, events
from locust.exception import ResponseError
from notes import note_events
from steps import Steps

note_events(events)


def accepted(user):
    with user.client.get("/status/500", name="accepted", catch_response=True) as response:
        if response.status_code == 500:
            response.success()


def refused(user):
    with user.client.get("/fine", name="refused", catch_response=True) as response:
        response.failure("the balance is wrong")


def by_status(user):
    with user.client.get("/status/404", name="by status", catch_response=True):
        pass


def response_error(user):
    with user.client.get("/fine", name="response error", catch_response=True):
        raise ResponseError("no items")


def without_json(user):
    with user.client.get("/text", name="without JSON", catch_response=True) as response:
        try:
            response.json()
        except ValueError:
            response.failure("no JSON")


def renamed(user):
    with user.client.get("/items/17", catch_response=True) as response:
        response.request_meta["name"] = "/items/[id]"


def grouped(user):
    with user.client.rename_request("/groups/[id]"):
        user.client.get("/groups/1")
        user.client.get("/groups/2?page=2")


def asserted(user):
    with user.rest("POST", "/fine", name="asserted", json={"a": 1}) as response:
        assert response.js["ok"] is False, "not refused"


def rested(user):
    with user.rest("GET", "/fine", name="rested") as response:
        assert response.js["ok"]


def broken_in_rest(user):
    with user.rest("GET", "/text", name="broken in rest") as response:
        response.js["total"]


def redirected(user):
    user.client.get("/redirect/fine", name="redirected")
    user.client.get("/redirect/fine", name="not followed", allow_redirects=False)


class Judges(Steps):
    steps = (
        accepted,
        refused,
        by_status,
        response_error,
        without_json,
        renamed,
        grouped,
        asserted,
        rested,
        broken_in_rest,
        redirected,
    )


class Plain(Judges, HttpUser):
    pass


class Fast(Judges, FastHttpUser):
    pass
