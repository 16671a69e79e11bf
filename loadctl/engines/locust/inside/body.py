"""The end of a streamed body (`stream=True`), wherever the script reads it.

Both clients give a connection back when they have read the last byte, whichever of their ways to read is used:
iter_lines, iter_content, content, raw.read, a reader of server-sent events on top of them.
"""

# ruff: noqa: SLF001 - the end of a body has no public name in either client

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from geventhttpclient.response import HTTPSocketPoolResponse
from urllib3.response import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Told = Callable[[BaseException | None], None]

_LAST_EVENT = b"data: [DONE]"
"""The end of a stream of OpenAI's form: scripts stop reading there, a moment before the end of the body."""


def watch(response: Any, told: Told) -> None:
    """Call `told` once: with None when the script has read the last byte, with the error when reading it failed.

    Never, if the script leaves the rest unread, or the response is of another client.
    """
    fast: Any = getattr(response, "_response", None)
    plain: Any = getattr(response, "raw", None)
    if fast.__class__ is HTTPSocketPoolResponse:
        if fast.message_complete:
            told(None)
            return
        _turn_into(_FastBody, fast, told)
    elif plain.__class__ is HTTPResponse and plain._original_response is not None:
        if plain._original_response.isclosed():
            told(None)
            return
        _turn_into(_PlainBody, plain, told)


def _turn_into(kind: type, body: Any, told: Told) -> None:
    body.__class__ = kind
    body.told = told


class _FastBody(HTTPSocketPoolResponse):  # type: ignore[misc]
    """A class, because a method in the object itself would keep it alive, and its connection taken."""

    told: Told | None

    def release(self) -> None:
        super().release()
        told, self.told = self.told, None
        error = sys.exc_info()[1]
        if told is not None and (self.message_complete or isinstance(error, Exception)):
            told(None if self.message_complete else error)


class _PlainBody(HTTPResponse):
    told: Told | None
    _given_up = False

    def read_chunked(
        self, amt: int | None = None, decode_content: bool | None = None
    ) -> Generator[bytes, None, None]:
        for chunk in super().read_chunked(amt, decode_content):
            if _LAST_EVENT in chunk:
                self._tell(None)
            yield chunk

    def close(self) -> None:
        self._given_up = True
        super().close()

    def release_conn(self) -> None:
        super().release_conn()
        error = sys.exc_info()[1]
        if self._is_complete(error):
            self._tell(None)
        elif isinstance(error, Exception):
            self._tell(error)

    def _tell(self, error: Exception | None) -> None:
        told, self.told = self.told, None
        if told is not None:
            told(error)

    def _is_complete(self, error: BaseException | None) -> bool:
        if self.chunk_left == 0 or getattr(self._original_response, "length", None) == 0:
            return True
        return error is None and not self._given_up
