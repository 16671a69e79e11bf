"""What we use of Locust and its HTTP clients beyond what they document, and why. A test says that each is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment
    from locust.event import EventHook


class Private(NamedTuple):
    where: str
    """module:attribute."""
    why: str


PLACES = (
    Private(
        "locust.runners:locust_exception_handler",
        "a StopTest in the load ends the test, as in its own start",
    ),
    Private(
        "locust.runners:Runner.log_exception", "exceptions of tasks are kept for the page and for scripts"
    ),
    Private("locust.runners:LocalRunner.spawning_greenlet", "our load is that greenlet: scripts look at it"),
    Private(
        "locust.runners:Runner.shape_worker",
        "a LoadTestShape is asked by Locust itself; it calls start and quit",
    ),
    Private("locust.runners:Runner.cpu_log_warning", "the warning at the end of a test"),
    Private(
        "locust.runners:MasterRunner.heartbeat_worker",
        "a shard that is silent is shown as missing; Locust's own would end the test",
    ),
    Private("locust.runners:MasterRunner.check_stopped", "loadctl tells the page when a run has ended"),
    Private(
        "locust.runners:MasterRunner.worker_count",
        "the page lets nobody press Start while there is no worker",
    ),
    Private("locust.stats:setup_distributed_stats_event_listeners", "a shard reports as Locust's workers do"),
    Private("locust.rpc.zmqrpc:Client", "the same"),
    Private(
        "locust.argument_parser:ui_extra_args_dict",
        "the page's form; Locust's own reads locust.conf and pyproject.toml",
    ),
    Private(
        "locust.env:Environment._filter_tasks_by_tags", "tags, before test_start, as LocalRunner._start does"
    ),
    Private(
        "locust.event:EventHook._handlers",
        "the runner's own listener, which logs each request, is taken away; ours come before those of a script",
    ),
    Private(
        "locust.event:EventHook.fire",
        "a listener that raises is a fault of the script, with its place and count",
    ),
    Private("locust.log:unhandled_greenlet_exception", "what Locust itself calls an unhandled exception"),
    Private(
        "locust.user.users:User._state", "a user that must leave stops at its next wait and is never killed"
    ),
    Private(
        "locust.user.users:User._cp_last_run",
        "constant_pacing remembers its last call, which the spread made",
    ),
    Private("locust.user.users:User._cp_last_wait_time", "the same"),
    Private(
        "locust.user.users:PytestUser",
        "test functions have no tasks, so an arrival of the open model is nothing to them",
    ),
    Private("locust.user.task:TaskSet._sleep", "a wait ends at once when the user must leave"),
    Private(
        "locust.user.task:TaskSet.execute_task",
        "a task is a turn; in the open model it awaits its arrival",
    ),
    Private("locust.user.task:DefaultTaskSet.execute_task", "the same for tasks of the user itself"),
    Private("locust.user.task:LOCUST_STATE_STOPPING", "the state that Locust's loop looks at"),
    Private("locust.clients:HttpSession.request", "what is in flight is known, with the time it began"),
    Private("locust.clients:HttpSession._build_url", "the path of a request"),
    Private(
        "locust.contrib.fasthttp:FastHttpSession.request",
        "what is in flight is known, with the time it began",
    ),
    Private("locust.contrib.fasthttp:FastHttpSession._build_url", "the path of a request"),
    Private(
        "locust.clients:ResponseContextManager.__exit__",
        "no event is fired when the block raised; the request was answered all the same",
    ),
    Private("locust.contrib.fasthttp:ResponseContextManager.__exit__", "the same"),
    Private(
        "geventhttpclient.response:HTTPSocketPoolResponse.release",
        "called when the last byte of a streamed body was read",
    ),
    Private("locust.contrib.fasthttp:FastResponse._response", "that body"),
    Private("urllib3.response:HTTPResponse.release_conn", "the same for HttpUser"),
    Private(
        "urllib3.response:HTTPResponse.read_chunked", "the event that ends a stream before its body ends"
    ),
    Private("locust.stats:StatsError.create_key", "errors stand under Locust's own keys"),
    Private(
        "gevent.resolver.thread:Resolver.getaddrinfo",
        "which name led to the address that a script connects to",
    ),
    Private("gevent.resolver.thread:Resolver.gethostbyname", "the same"),
    Private("urllib3.poolmanager:ProxyManager.connection_from_host", "what stands behind a proxy"),
    Private("geventhttpclient.client:HTTPClient.__init__", "the same for FastHttpUser"),
    Private("geventhttpclient.connectionpool:ConnectionPool.size", "a GET is never sent again in silence"),
)


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
