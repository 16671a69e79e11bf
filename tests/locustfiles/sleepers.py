"""Users that sleep when the test ends: in a task, and in on_start. They log out all the same."""

import time

import gevent
from locust import FastHttpUser, HttpUser, constant, events, task
from notes import note_events

note_events(events)


class InTask(HttpUser):
    wait_time = constant(0.1)

    @task
    def poll(self):
        self.client.get("/poll")
        time.sleep(60)

    def on_stop(self):
        self.client.get("/logout/task")


class InOnStart(FastHttpUser):
    def on_start(self):
        self.client.get("/login")
        gevent.sleep(60)

    @task
    def never(self):
        self.client.get("/never")

    def on_stop(self):
        self.client.get("/logout/on-start")
