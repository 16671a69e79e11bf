"""`python -m loadctl` is `loadctl`."""

from loadctl.cli.app import main

if __name__ == "__main__":
    main()
