"""Imported by the locustfiles beside it: writes down what the test asks about, one line of JSON each."""

import json
import os


def note(event, **values):
    with open(os.environ["NOTES"], "a") as file:
        file.write(json.dumps({"event": event, **values}) + "\n")


def numbers(environment):
    stats = environment.stats
    return {
        "requests": stats.total.num_requests,
        "failures": stats.total.num_failures,
        "fail_ratio": round(stats.total.fail_ratio, 6),
        "entries": {
            f"{method} {name}": [entry.num_requests, entry.num_failures]
            for (name, method), entry in sorted(stats.entries.items())
        },
        "errors": sorted(
            [error.method, error.name, str(error.error), error.occurrences] for error in stats.errors.values()
        ),
    }


def note_events(events):
    """The events of a whole run in their order, with Locust's statistics where scripts usually read them."""
    events.init.add_listener(lambda **_: note("init"))
    events.test_start.add_listener(lambda **_: note("test_start"))
    events.spawning_complete.add_listener(lambda user_count, **_: note("spawning_complete", users=user_count))
    events.test_stopping.add_listener(lambda **_: note("test_stopping"))
    events.test_stop.add_listener(lambda environment, **_: note("test_stop", stats=numbers(environment)))
    events.quitting.add_listener(lambda environment, **_: note("quitting", stats=numbers(environment)))
    events.quit.add_listener(lambda **_: note("quit"))
