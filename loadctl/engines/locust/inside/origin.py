"""Where requests go."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """Where a connection leads. `host` is a name or an address without brackets, in ASCII."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As in the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"
