"""Prepares as much data as users were asked for, when the test starts."""

from locust import FastHttpUser, constant, events, task
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from notes import note, note_events

note_events(events)
accounts = []


@events.test_start.add_listener
def prepare(environment, **_):
    options = environment.parsed_options
    accounts.extend(f"account-{number}" for number in range(options.num_users))
    note(
        "options",
        users=options.num_users,
        run_time=options.run_time,
        host_is_ours=options.host == environment.host and options.host.startswith("http://127.0.0.1:"),
        headless=options.headless,
        tags=options.tags,
        exclude_tags=options.exclude_tags,
        target=environment.runner.target_user_count,
        worker=[environment.runner.worker_index, environment.runner.worker_count],
        web_ui=environment.web_ui is None,
        stop_timeout=isinstance(environment.stop_timeout, (int, float)),
        master=isinstance(environment.runner, MasterRunner),
        is_worker=isinstance(environment.runner, WorkerRunner),
        local=isinstance(environment.runner, LocalRunner),
        user_classes=[user_class.__name__ for user_class in environment.user_classes],
        locustfile=environment.locustfile,
    )


class Customer(FastHttpUser):
    wait_time = constant(0.1)

    def on_start(self):
        self.account = accounts.pop()
        self.left = 2
        self.client.post("/login", json={"account": self.account})

    @task
    def look(self):
        if self.left:
            self.left -= 1
            self.client.get(f"/accounts/{self.account}", name="/accounts/[name]")
