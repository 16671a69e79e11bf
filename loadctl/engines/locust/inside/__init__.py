"""What runs inside Locust's own process, in the user's Python: it needs the standard library and Locust, and for user
types httptools.

launch.py makes these modules importable under a private name, so that loadctl need not be installed there and they
cannot shadow the user's own modules. They therefore import each other, and the few files of loadctl that they share,
relatively.
"""

EXIT_STOPPED = 10
"""The load ended before its plan on request (a stop, a signal) or because loadctl was gone."""
EXIT_SCRIPT = 20
"""The user's script could not be loaded; the last line of stderr says why."""
EXIT_REFUSED = 21
"""The shard cannot do what the user asked for, and nothing was sent; the last lines of stderr say why."""
EXIT_BEYOND = 22
"""The script connected to a host that is not allowed; the last line of stderr names it."""
