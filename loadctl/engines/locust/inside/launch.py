"""The command of a shard: `python launch.py`, in loadctl's Python or in the user's own (--python). Or of another module
here that has a `main`: `python launch.py journey.rehearse`.

Small on purpose: Python caches the compiled form of modules, not of the script it starts.
"""

import sys


def _package() -> str:
    """Make loadctl's folders importable under a private name, and take this one off the path, where it could hide
    modules. What stands in the `__init__` of the folders above is not run: it imports loadctl.
    """
    folder = __file__.rpartition("/")[0]
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    root, name = folder.removesuffix("/engines/locust/inside"), "_loadctl"
    for below in ("", "/engines", "/engines/locust"):
        package = type(sys)(name + below.replace("/", "."))
        package.__path__ = [root + below]
        sys.modules[package.__name__] = package
    return f"{name}.engines.locust.inside"


if __name__ == "__main__":
    from importlib import import_module

    import_module(f"{_package()}.{sys.argv[1] if len(sys.argv) > 1 else 'shard'}").main()
