"""Why a request failed: one of the classes of DESIGN §5, the same on every engine."""

from __future__ import annotations

import errno
import socket
import ssl

OUR_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""Descriptors, ports or memory of this machine are used up: says nothing about the system."""

STALE = "the server ended the kept connection before any of the response came"


class Failed(Exception):
    """A request without a complete response. `error_class` "generator" means that it is our own fault.

    `stale`: the server ended the kept connection on which it went out, and no byte of a response came.
    """

    def __init__(self, error_class: str, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message
        self.stale = stale


def failed_connecting(error: OSError, where: str) -> Failed:
    """What an error before the first byte of the request means; `where` is host:port."""
    if error.errno in OUR_FAULT:
        return Failed("generator", f"cannot open a connection to {where}: {error.strerror}")
    if isinstance(error, socket.gaierror):
        return Failed("dns", f"{where}: {error.strerror}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failed("tls", f"{where}: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Failed("tls", f"{where}: {error.reason or error.strerror or error}")
    if isinstance(error, ConnectionRefusedError):
        return Failed("connect_refused", f"{where} refused the connection")
    if isinstance(error, TimeoutError):
        return Failed("connect_timeout", f"no connection to {where} in time")
    if isinstance(error, ConnectionError):
        return Failed("reset", f"{where} closed the connection while it was being opened")
    return Failed("other", f"{where}: {error.strerror or error}")


def failed_talking(error: OSError) -> Failed:
    """What an error after that means."""
    if error.errno in OUR_FAULT:
        return Failed("generator", str(error.strerror))
    if isinstance(error, ssl.SSLError):
        return Failed("tls", str(error.reason or error.strerror or error))
    if isinstance(error, ConnectionError):
        return Failed("reset", "the connection was reset before the response was complete")
    return Failed("other", str(error.strerror or error))
