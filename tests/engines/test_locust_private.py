"""What we use of Locust beyond its documented interface is there in this version."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PLACES = {
    "locust.runners:locust_exception_handler": "a StopTest in the load ends the test, as in its own start",
    "locust.runners:Runner.log_exception": "exceptions of tasks are kept for the page and for scripts",
    "locust.runners:LocalRunner.spawning_greenlet": "our load is that greenlet: scripts look at it",
    "locust.runners:Runner.shape_worker": "a LoadTestShape is asked by Locust itself; it calls start and quit",
    "locust.runners:Runner.cpu_log_warning": "the warning at the end of a test",
    "locust.runners:MasterRunner.heartbeat_worker": "shows a silent shard as missing, and does not end the test",
    "locust.runners:MasterRunner.check_stopped": "loadctl tells the page when a run has ended",
    "locust.runners:MasterRunner.worker_count": "the page lets nobody press Start while there is no worker",
    "locust.stats:setup_distributed_stats_event_listeners": "a shard reports as Locust's workers do",
    "locust.rpc.zmqrpc:Client": "the same",
    "locust.argument_parser:ui_extra_args_dict": "the page's form; Locust's own reads locust.conf and pyproject.toml",
    "locust.env:Environment._filter_tasks_by_tags": "tags, before test_start, as LocalRunner._start does",
    "locust.event:EventHook._handlers": "the listener that logs each request is removed; ours come before the script's",
    "locust.event:EventHook.fire": "a listener that raises is a fault of the script, with its place and count",
    "locust.log:unhandled_greenlet_exception": "what Locust itself calls an unhandled exception",
    "locust.user.users:User._state": "a user that must leave stops at its next wait and is never killed",
    "locust.user.users:User._cp_last_run": "constant_pacing remembers its last call, which the spread made",
    "locust.user.users:User._cp_last_wait_time": "the same",
    "locust.user.users:PytestUser": "test functions have no tasks, so an arrival of the open model is nothing to them",
    "locust.user.task:TaskSet._sleep": "a wait ends at once when the user must leave",
    "locust.user.task:TaskSet.execute_task": "a task is a turn; in the open model it awaits its arrival",
    "locust.user.task:DefaultTaskSet.execute_task": "the same for tasks of the user itself",
    "locust.user.task:LOCUST_STATE_STOPPING": "the state that Locust's loop looks at",
    "locust.clients:HttpSession.request": "what is in flight is known, with the time it began",
    "locust.clients:HttpSession._build_url": "the path of a request",
    "locust.contrib.fasthttp:FastHttpSession.request": "what is in flight is known, with the time it began",
    "locust.contrib.fasthttp:FastHttpSession._build_url": "the path of a request",
    "locust.clients:ResponseContextManager.__exit__": "no event is fired when the block raised",
    "locust.contrib.fasthttp:ResponseContextManager.__exit__": "the same",
    "geventhttpclient.response:HTTPSocketPoolResponse.release": "called when the last byte of a streamed body was read",
    "locust.contrib.fasthttp:FastResponse._response": "that body",
    "urllib3.response:HTTPResponse.release_conn": "the same for HttpUser",
    "urllib3.response:HTTPResponse.read_chunked": "the event that ends a stream before its body ends",
    "locust.stats:StatsError.create_key": "errors stand under Locust's own keys",
    "gevent.resolver.thread:Resolver.getaddrinfo": "which name led to the address that a script connects to",
    "gevent.resolver.thread:Resolver.gethostbyname": "the same",
    "urllib3.poolmanager:ProxyManager.connection_from_host": "what stands behind a proxy",
    "geventhttpclient.client:HTTPClient.__init__": "the same for FastHttpUser",
    "geventhttpclient.connectionpool:ConnectionPool.size": "a GET is never sent again in silence",
}
"""What we use of Locust and its HTTP clients beyond what they document: module:attribute → why."""

LOOK = """
import importlib, inspect, json, sys
import locust
missing = []
for where in json.load(sys.stdin):
    module, _, path = where.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    # An attribute of instances alone stands in the source of the class or of what it inherits from.
    classes = [c for c in inspect.getmro(owner) if c is not object] if inspect.isclass(owner) else []
    if not hasattr(owner, name) and not any(f"self.{name}" in inspect.getsource(c) for c in classes):
        missing.append(where)
print(json.dumps(missing))
"""


@pytest.mark.parametrize("more", [[], ["locust.runners:Runner.no_such_place"]])
def test_every_private_place_exists(more: list[str]) -> None:
    """In a process of its own: Locust changes the interpreter that imports it."""
    looked = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=json.dumps([*PLACES, *more]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(looked.stdout) == more
