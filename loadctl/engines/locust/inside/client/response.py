"""A complete response, as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTABLE = frozenset({b"set-cookie", b"content-encoding", b"location"})


class Response:
    """`headers`: names in lower case, in the order they came. Instants in monotonic seconds.

    `body` holds the first bytes only (`clipped`) where there were more than were asked for. `size` counts the body's
    bytes on the wire. `first_byte_at`: of the body, or of the end of the head where there is none.
    """

    body: bytes
    size: int
    clipped: bool
    first_byte_at: float
    finished_at: float

    __slots__ = (
        "body",
        "clipped",
        "finished_at",
        "first_byte_at",
        "headers",
        "notable",
        "size",
        "status",
    )

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], notable: bool) -> None:
        self.status = status
        self.headers = headers
        self.notable = notable
        """A header of NOTABLE is there."""

    def values(self, name: bytes) -> Iterator[bytes]:
        """All values of a header; `name` in lower case."""
        return (value for key, value in self.headers if key == name)
