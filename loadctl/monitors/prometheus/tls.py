"""How a server shows that it is the one that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadctl.errors import RunError
from loadctl.scenario.scenario import Tls

if TYPE_CHECKING:
    import ssl


def verification(url: str, tls: Tls) -> ssl.SSLContext | bool:
    """What httpx wants as `verify`. Building a context takes longer than a probe: only where there is TLS.

    Raises: RunError for a file that cannot be used.
    """
    import ssl

    if not url.startswith("https:"):
        return False
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert:
            context.load_cert_chain(tls.cert)
    except (OSError, ssl.SSLError) as error:
        raise RunError(f"tls: {tls.cert or tls.ca}: {error}") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
