"""Reads a file by a path that counts from where the program was started."""

import csv
import itertools

from locust import FastHttpUser, events
from notes import note_events
from steps import Steps

note_events(events)
with open("data/users.csv") as file:
    names = itertools.cycle([row["name"] for row in csv.DictReader(file)])


def log_in(user):
    user.client.post(f"/login/{next(names)}")


class Person(Steps, FastHttpUser):
    steps = (log_in,)
