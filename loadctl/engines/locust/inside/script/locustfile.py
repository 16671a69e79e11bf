"""The user's file: loading it, and which of its classes user k is."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locust.util.load_locustfile import load_locustfile, load_locustfile_pytest

from .fault import ScriptError, sentence
from .options import Ended, Refused, beside, no_such_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def load(paths: Sequence[str], arguments: Sequence[str] = ()) -> tuple[dict[str, type], Sequence[object]]:
    """User classes by name and load shapes of all files. Raises: ScriptError."""
    sys.argv = ["locust", "-f", ",".join(paths), "--headless", *arguments]
    logging.basicConfig(
        level=logging.INFO, format="[%(asctime)s] %(levelname)s/%(name)s: %(message)s", stream=sys.stderr
    )
    loaded = [(path, *_loaded(path, load_locustfile)) for path in paths]
    # As Locust itself: test functions count only where there is no class.
    if not any(classes for _, classes, _ in loaded):
        loaded = [(path, _loaded(path, load_locustfile_pytest)[0], shapes) for path, _, shapes in loaded]
    found: dict[str, type] = {}
    for path, classes, _ in loaded:
        for name, user_class in classes.items():
            if found.setdefault(name, user_class).__module__ != user_class.__module__:
                raise ScriptError(f"{Path(path).name} has a user class {name}, and so has another file")
    if not found:
        names = " and ".join(Path(path).name for path in paths)
        raise ScriptError(
            f"{names} has no user class; Locust runs classes derived from HttpUser, FastHttpUser or User"
        )
    return found, [shape for _, _, shapes in loaded for shape in shapes]


def _loaded(path: str, loader: Callable[[str], Any]) -> tuple[dict[str, type], Sequence[object]]:
    name = Path(path).name
    try:
        found = loader(path)
    except Exception as error:  # noqa: BLE001 - whatever the user's file raises
        traceback.print_exc()
        raise ScriptError(f"{name} cannot be loaded: {told(error, path)}{_line_in(error, path)}") from None
    except SystemExit as error:
        raise Ended(name, error) from None
    if isinstance(found, tuple):
        *_, classes, shapes = found  # older versions: a docstring first
        return classes, shapes
    return found, ()


def told(error: BaseException, path: str) -> str:
    """The sentence of an exception; a file that lies beside the script, and not where it was looked for, is named."""
    said = sentence(error)
    missing = error.filename if isinstance(error, FileNotFoundError) else None
    if isinstance(missing, str) and (found := beside(path, missing)):
        said += f"; it is in {found}, but paths are relative to the folder where loadctl was started"
    return said


def _line_in(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its own text has the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" (line {lines[-1]})" if lines else ""


def chosen_classes(classes: Mapping[str, Any], weights: Mapping[str, int], path: str) -> list[type]:
    """Those with a weight. The scenario's weights take the place of the file's."""
    if missing := [name for name in weights if name not in classes]:
        raise Refused(no_such_class(path, missing[0], classes))
    for name, weight in weights.items():
        classes[name].weight, classes[name].fixed_count = weight, 0
    chosen = [classes[name] for name in weights or classes]
    chosen = [user_class for user_class in chosen if user_class.weight > 0 or user_class.fixed_count > 0]
    if not chosen:
        raise ScriptError("all user classes have the weight 0")
    return chosen
