"""The three user types as plain Locust classes: an example of bringing your own.

loadctl runs this file unmodified (`locustfile: locustfile.py` in a scenario), and so does Locust itself:
locust -f scenarios/locustfile.py --host http://localhost:8080
"""
# ruff: noqa: INP001, RUF012

from __future__ import annotations

import random

import gevent
from locust import FastHttpUser, between, task


class PlatformUser(FastHttpUser):
    """Logs in once, then sends its token with every request."""

    abstract = True
    headers: dict[str, str]

    def on_start(self) -> None:
        self.headers = {}
        with self.client.post("/login", data={"user": "demo"}, catch_response=True) as response:
            if response.status_code == 200:
                self.headers = {"Authorization": f"Bearer {response.json()['token']}"}

    def predict(self) -> None:
        body = {"model": "churn", "features": [round(random.random(), 6) for _ in range(8)]}
        with self.client.post("/predict", json=body, headers=self.headers, catch_response=True) as response:
            if response.status_code == 200 and "prediction" not in response.json():
                response.failure("no prediction")

    def models(self) -> None:
        self.client.get("/models", headers=self.headers)

    def health(self) -> None:
        self.client.get("/health", headers=self.headers)


class MLPlatformUser(PlatformUser):
    """Normal behaviour: predictions, models, health."""

    wait_time = between(0.2, 1.0)
    tasks = {PlatformUser.predict: 10, PlatformUser.models: 2, PlatformUser.health: 1}

    @task(1)
    def browse(self) -> None:
        with self.client.get("/models", headers=self.headers, catch_response=True) as response:
            ids = [model["id"] for model in response.json()["items"]] if response.status_code == 200 else []
        if ids:
            gevent.sleep(0.1)
            self.client.get(f"/models/{random.choice(ids)}", headers=self.headers, name="/models/{id}")


class HighLoadUser(PlatformUser):
    """Stress: rapid requests, no more than 10 ms pause."""

    wait_time = between(0, 0.01)
    tasks = {PlatformUser.predict: 10, PlatformUser.models: 2, PlatformUser.health: 1}


class BurstLoadUser(PlatformUser):
    """Bursts: ten predictions 50 ms apart, then quiet."""

    wait_time = between(2, 4)

    @task
    def burst(self) -> None:
        for _ in range(10):
            self.predict()
            gevent.sleep(0.05)
