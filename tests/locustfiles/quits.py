"""Ends the test by itself; END says who does it and how."""

import os

import gevent
from locust import FastHttpUser, HttpUser, constant, events
from notes import note, note_events

note_events(events)
WHO, HOW = os.environ["END"].split()
ended = False
complete = False


def end(runner):
    global ended
    if not ended:
        ended = True
        note("ended by", who=WHO)
        getattr(runner, HOW)()


def later(runner, seconds):
    gevent.sleep(seconds)
    end(runner)


@events.test_start.add_listener
def on_start(environment, **_):
    Visits.runner = environment.runner
    if WHO == "ramp":
        gevent.spawn(later, environment.runner, 0.5)


@events.spawning_complete.add_listener
def on_complete(**_):
    global complete
    complete = True
    if WHO == "greenlet":
        gevent.spawn(later, Visits.runner, 0.3)


@events.request.add_listener
def on_request(name, **_):
    if WHO == "listener" and name == "/third":
        end(Visits.runner)


def visit(user):
    user.visits += complete
    user.client.get("/sleep/80")
    if user.visits == 3:
        user.client.get("/third")
        if WHO == "task":
            end(user.environment.runner)


class Visits:
    wait_time = constant(0.1)
    tasks = [visit]
    visits = 0


class Visitor(Visits, HttpUser):
    pass


class Fast(Visits, FastHttpUser):
    pass
