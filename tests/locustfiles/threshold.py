"""Ends the test when too many requests have failed, as in Locust's examples."""

import gevent
from locust import HttpUser, constant, events, task
from locust.runners import STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING, WorkerRunner
from notes import note, note_events

note_events(events)


def watch(environment):
    while environment.runner.state not in {STATE_STOPPING, STATE_STOPPED, STATE_CLEANUP}:
        gevent.sleep(0.3)
        ratio = environment.runner.stats.total.fail_ratio
        if ratio > 0.2:
            note("too many failures", entry=environment.stats.get("/status/500", "GET").num_failures > 0)
            environment.runner.quit()
            return


@events.init.add_listener
def on_init(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(watch, environment)


class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def get(self):
        self.client.get("/status/500")
