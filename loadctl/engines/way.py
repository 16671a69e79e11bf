"""The way to the system that requests take on every engine, for whoever asks it something beside the load.

It is written where the engine's own Python can import it.
"""

from loadctl.engines.locust.inside.failure import Failed
from loadctl.engines.locust.inside.origin import Origin
from loadctl.engines.locust.inside.proxy import Proxy, proxy_for

__all__ = ["Failed", "Origin", "Proxy", "proxy_for"]
