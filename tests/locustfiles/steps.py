"""Imported by the locustfiles beside it: users that take each step of their class once, in order, and then idle.

So the number of requests is the same under every program, however long the test is.
"""

from locust import constant


def step(user):
    if user.steps_left:
        user.steps_left.pop(0)(user)


class Steps:
    wait_time = constant(0.05)
    tasks = [step]
    steps = ()

    def on_start(self):
        self.steps_left = list(self.steps)
