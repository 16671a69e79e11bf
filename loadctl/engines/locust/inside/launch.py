"""The command of a shard: `python launch.py`, in loadctl's Python or in the user's own (--python). Or of another module
here that has a `main`: `python launch.py journey.rehearse`.

Small on purpose: Python caches the compiled form of modules, not of the script it starts.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location


def _package() -> str:
    """Load this folder as a package under a private name, and take it off the path, where it could hide modules."""
    folder, _, _ = __file__.rpartition("/")
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    name = "_loadctl_locust"
    spec = spec_from_file_location(name, f"{folder}/__init__.py", submodule_search_locations=[folder])
    assert spec is not None  # noqa: S101
    assert spec.loader is not None  # noqa: S101
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return name


if __name__ == "__main__":
    from importlib import import_module

    import_module(f"{_package()}.{sys.argv[1] if len(sys.argv) > 1 else 'shard'}").main()
