"""Load tests with one verdict that can be trusted."""

import sys

# httpx has a command line of its own, and imports it, with the lexers that colour it, wherever it is imported: two
# thirds of its import, for nothing. It takes a missing one for one that was not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
