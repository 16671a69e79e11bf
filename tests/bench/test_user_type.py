"""Requests a second of a user type compiled from YAML, against a FastHttpUser written by hand for the same."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.bench

PAIRS = 7
USERS = 20
SECONDS = 5
YAML = f"""
users:
  Bench:
    headers: {{X-Tenant: "{{{{ user }}}}"}}
    tasks:
      - post: /predict
        json: {{model: churn, features: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}}
        check: {{status: 200, has: prediction}}
load: [{{users: {USERS}, for: {SECONDS}s}}]
targets: {{error_rate: 1%}}
"""
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Bench(FastHttpUser):
    wait_time = constant(0)

    @task
    def predict(self):
        body = {"model": "churn", "features": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
        with self.client.post("/predict", json=body, headers={"X-Tenant": "1"}, catch_response=True) as answer:
            if "prediction" not in answer.json():
                answer.failure("no prediction")
"""


def requests_per_s_of_loadctl(shell: Shell) -> float:
    ended = shell("run", "bench", "--demo", "--truth", "truth.json", "--json")
    assert ended.result["counters"]["failed"] == 0, ended.err
    return float(json.loads((shell.folder / "truth.json").read_text())["requests"]) / SECONDS


def requests_per_s_of_locust(folder: Path) -> float:
    truth = folder / "locust-truth.json"
    demo = subprocess.Popen(
        [sys.executable, "-m", "loadctl.demo", "--port", "0", "--truth", str(truth)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with demo:
        assert demo.stdout is not None
        url = demo.stdout.readline().split()[-1]
        command = [sys.executable, "-m", "locust", "-f", str(folder / "bench.py"), "-H", url, "--headless"]
        command += ["-u", str(USERS), "-r", "1000", "-t", f"{SECONDS}s", "--only-summary"]
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        demo.terminate()
        demo.wait(10)
    return float(json.loads(truth.read_text())["requests"]) / SECONDS


def test_a_user_type_from_yaml_sends_as_many_requests_as_one_written_by_hand(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("scenarios/bench.yaml", YAML)
    shell.write("bench.py", LOCUSTFILE)
    ours, theirs = [], []
    for pair in range(PAIRS):
        ours.append(requests_per_s_of_loadctl(shell))
        theirs.append(requests_per_s_of_locust(tmp_path))
        print(f"pair {pair}: loadctl {ours[-1]:,.0f}/s, locust {theirs[-1]:,.0f}/s", flush=True)
        time.sleep(0.5)  # sockets of the last run leave TIME_WAIT in peace
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"median ratio {ratio:.2f} (loadctl {median(ours):,.0f}/s, locust {median(theirs):,.0f}/s)")
    assert ratio >= 0.90
