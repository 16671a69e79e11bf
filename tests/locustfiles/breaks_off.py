"""A request listener breaks the task off after a failure, and the context says whose request it was."""

from locust import FastHttpUser, HttpUser, events
from locust.exception import RescheduleTask
from notes import note, note_events
from steps import Steps

note_events(events)


@events.request.add_listener
def on_request(request_type, name, response_time, response_length, response, context, exception, **more):
    note(
        "request",
        type=request_type,
        name=name,
        length=response_length,
        who=context.get("who"),
        step=context.get("step"),
        failed=bool(exception),
        time=response_time > 0,
        status=response.status_code,
        url=more["url"].rpartition("/")[2],
    )
    if exception:
        raise RescheduleTask


def flow(user):
    user.client.get("/first", context={"step": 1})
    user.client.get("/status/409", context={"step": 2})
    user.client.get("/never")


class Breaks(Steps):
    steps = (flow, flow)

    def context(self):
        return {"who": type(self).__name__}


class Plain(Breaks, HttpUser):
    pass


class Fast(Breaks, FastHttpUser):
    pass
