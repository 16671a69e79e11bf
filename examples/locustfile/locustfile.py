"""Readers and forecasters of an ML platform.  locust -f locustfile.py --host http://localhost:8080"""

from __future__ import annotations

import random

from locust import FastHttpUser, between, task


class Reader(FastHttpUser):
    weight = 3
    wait_time = between(0.2, 0.6)

    @task(3)
    def models(self) -> None:
        self.client.get("/models")

    @task
    def one_model(self) -> None:
        name = random.choice(["churn", "fraud", "demand"])
        self.client.get(f"/models/{name}", name="/models/{id}")


class Forecaster(FastHttpUser):
    weight = 1
    wait_time = between(0.2, 0.6)

    def on_start(self) -> None:
        token = self.client.post("/login", data={"user": "forecaster"}).json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    @task
    def predict(self) -> None:
        body = {"model": "demand", "features": [random.random() for _ in range(8)]}
        with self.client.post("/predict", json=body, headers=self.headers, catch_response=True) as response:
            if response.status_code == 200 and "prediction" not in response.json():
                response.failure("no prediction")
