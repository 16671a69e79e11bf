"""`loadctl` and `python -m loadctl`."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are imported is no traceback

from loadctl.cli.app import main

if __name__ == "__main__":
    main()
