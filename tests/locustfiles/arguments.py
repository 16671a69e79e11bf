"""Options of its own on the command line, and a token from the environment."""

import os

from locust import HttpUser, constant, events, task
from notes import note, note_events

note_events(events)
TOKEN = os.environ["LOCUST_API_TOKEN"]


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--tenant", required=True, help="whose data is asked for")
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--region", env_var="LOCUST_REGION", default="nowhere")
    parser.add_argument("--mode", choices=["soft", "hard"], default="soft")
    parser.add_argument("--api-password", is_secret=True, default="")


@events.init.add_listener
def at_init(environment, **_):
    options = environment.parsed_options
    note("arguments", tenant=options.tenant, rows=options.rows, region=options.region)
    note("chosen", mode=options.mode)
    note("password", length=len(options.api_password))


class Tenant(HttpUser):
    wait_time = constant(0.1)
    left = 2

    @task
    def rows(self):
        if self.left:
            self.left -= 1
            options = self.environment.parsed_options
            self.client.get(
                f"/{options.tenant}/{options.region}/rows?count={options.rows}",
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
