"""Load tests with one verdict that can be trusted."""

import sys

# What loadctl never uses is not imported, where a library would import it because it happens to be installed, and takes
# a missing one for one that was not: httpx its own command line, with the lexers that colour it (two thirds of its
# import), and httpcore trio (0.15 s; Selenium brings it).
for _name in ("httpx._main", "trio"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
