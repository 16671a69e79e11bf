"""Exceptions of a script and of its clients: the error class, what it says, where it was raised.

Classes go by names, so that no client need be imported.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

_OUR_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})
_OPENING = frozenset({"create_connection", "_create_socket"})
_CLASSES = {
    "check_failed": "CatchResponseError ResponseError AssertionError",  # what the script itself decided
    "host_not_allowed": "HostNotAllowed",
    # requests, urllib3, geventhttpclient, http.client, socket, ssl; the first match from the inside out wins
    "dns": "gaierror NameResolutionError",
    "connect_refused": "ConnectionRefusedError",
    "connect_timeout": "ConnectTimeout ConnectTimeoutError",
    "tls": "SSLError CertificateError",
    "redirect_limit": "TooManyRedirects",
    "protocol": """HTTPParseError BadStatusLine InvalidChunkLength ContentDecodingError DecodeError InvalidHeader
        LineTooLong ProtocolError""",
    "timeout": "ReadTimeout ReadTimeoutError Timeout TimeoutError",
    "reset": """RemoteDisconnected ConnectionResetError ConnectionAbortedError BrokenPipeError HTTPConnectionClosed
        IncompleteRead ChunkedEncodingError""",
}
_BY_NAME = {name: error_class for error_class, names in _CLASSES.items() for name in names.split()}
_INSIDE = str(Path(__file__).parent.parent)


def classify(exception: BaseException, status: int | None) -> str | None:
    """The class of a failed request; None: by loadctl's own rule it did not fail (a status below 400).

    `status` is the response's, where there was one: a client that raises because of it (HTTPError,
    LocustBadStatusCode) is believed up to the number.
    """
    chain = list(_chain(exception))
    if any(isinstance(e, OSError) and e.errno in _OUR_FAULT for e in chain):
        return "generator"
    names = [[kind.__name__ for kind in type(e).__mro__] for e in chain]
    if status and "LocustBadStatusCode" in names[0]:
        return f"status_{status}" if status >= 400 else None
    if status and "HTTPError" in names[0] and status >= 400:
        return f"status_{status}"
    for e in chain:
        if stated := _stated_class(e):
            return stated
    if any(mro[0].startswith("ConnectTimeout") for mro in names) or any(map(_connecting, chain)):
        return "connect_timeout"  # by its own name: urllib3's NewConnectionError inherits from it
    for mro in reversed(names):
        if "RemoteDisconnected" in mro:  # a BadStatusLine by inheritance, but nothing came at all
            return "reset"
        for name in mro:
            if name in _BY_NAME:
                return _BY_NAME[name]
    # Whatever else the script passed to failure() after a complete response is the script's own judgement.
    return "check_failed" if status else "other"


def _stated_class(exception: BaseException) -> str | None:
    """What an exception says by itself: the status that it was raised for, or what own retries gave up on."""
    response = getattr(exception, "response", None)
    for owner, name in ((response, "status_code"), (exception, "code"), (exception, "status")):
        status = getattr(owner, name, None)
        if type(status) is int and 400 <= status < 600:
            return f"status_{status}"
    text = str(exception)
    if type(exception).__name__ == "ResponseError" and type(exception).__module__.startswith("urllib3"):
        if found := re.fullmatch(r"too many (\d+) error responses", text):
            return f"status_{found[1]}"
        return "redirect_limit" if text == "too many redirects" else "other"
    if type(exception).__name__ == "RetriesExceeded" and "Redirection limit" in text:
        return "redirect_limit"
    return None


def _connecting(exception: BaseException) -> bool:
    """A timeout that was raised while a connection was being opened: only its traceback tells."""
    if not isinstance(exception, TimeoutError):
        return False
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(exception.__traceback__)]
    return not _OPENING.isdisjoint(names)


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """The exception and what lies within it, outermost first: causes, contexts, urllib3's reasons, arguments."""
    seen: set[int] = set()
    current: BaseException | None = exception
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        within = [
            *(getattr(current, name, None) for name in ("original", "reason")),
            *current.args[:1],
            current.__cause__,
            current.__context__,
        ]
        current = next((e for e in within if isinstance(e, BaseException)), None)


class ScriptError(Exception):
    """The script cannot be run; the message is one sentence for people."""


def sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def place_of(error: BaseException) -> str:
    """The innermost line outside of Locust and loadctl, as in `own.py:12`; empty where there is none."""
    import locust

    frames = traceback.extract_tb(error.__traceback__)
    homes = (_INSIDE, str(Path(locust.__file__).parent))
    own = [frame for frame in frames if not frame.filename.startswith(homes)]
    frame = (own or frames)[-1] if frames else None
    return f"{Path(frame.filename).name}:{frame.lineno}" if frame else ""
