"""Retries of its own: a request of the script is several at the server."""

from locust import HttpUser, events
from notes import note, note_events
from requests.adapters import HTTPAdapter
from steps import Steps
from urllib3.util.retry import Retry

note_events(events)


def helped(user):
    user.client.get("/flaky/2/helped", name="helped")


def in_vain(user):
    response = user.client.get("/status/503/in-vain", name="in vain")
    note("answer", status=response.status_code)


class Stubborn(Steps, HttpUser):
    steps = (helped, in_vain)

    def on_start(self):
        super().on_start()
        self.client.mount(
            "http://", HTTPAdapter(max_retries=Retry(total=2, status_forcelist=[503], backoff_factor=0))
        )
