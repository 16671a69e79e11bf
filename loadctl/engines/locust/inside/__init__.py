"""What runs inside Locust's own process, in the user's Python: standard library, Locust and what comes with it.

Only user types need more: httptools.

launch.py loads this folder as a package under a private name, so that neither loadctl has to be importable
there nor these modules can hide the user's own. They therefore import each other relatively.
"""

EXIT_STOPPED = 10
"""The load ended before its plan, because it was told to (a stop, a signal, loadctl gone)."""
EXIT_SCRIPT = 20
"""The user's script could not be loaded; the last line of stderr says why."""
EXIT_REFUSED = 21
"""What the user asked for cannot be done, and nothing was sent; the last lines of stderr say why."""
EXIT_BEYOND = 22
"""The script turned to a host that nobody agreed to; the last line of stderr says to which."""
