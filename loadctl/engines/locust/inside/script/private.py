"""What we use of Locust and its HTTP clients beyond what they document, and why. A test says that each is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.event import EventHook


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
"""module:attribute → why."""


def ask_to_stop(user: Any) -> None:
    """The user ends at its next wait, or before its next task."""
    from locust.user.task import LOCUST_STATE_STOPPING

    user._state = LOCUST_STATE_STOPPING  # noqa: SLF001


def stop_as_locust(user: Any) -> None:
    """Who has been asked already is left alone: Locust's `stop` would raise."""
    from locust.user.task import LOCUST_STATE_STOPPING

    if user._state != LOCUST_STATE_STOPPING:  # noqa: SLF001
        user.stop()


def without_own_listener(environment: Environment) -> None:
    """Take away what the runner that was made last has added to the event `request`."""
    environment.events.request._handlers.pop()  # noqa: SLF001


def first_listener(event: EventHook, listener: Callable[..., None]) -> None:
    """Before those of the script, which may raise StopUser."""
    event._handlers.insert(0, listener)  # noqa: SLF001
