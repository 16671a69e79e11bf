"""What Locust makes of its command line and its variables, for scripts that read them: `environment.parsed_options`."""

# ruff: noqa: PTH100, PTH110, PTH117, PTH118, PTH119, PTH120 - pathlib costs 5 ms of the start

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from difflib import get_close_matches
from typing import Any

_AT_IMPORT = "LOCUST_SKIP_MONKEY_PATCH"
_READ_DIRECTLY = "LOCUST_USER_CLASSES"


class Refused(Exception):
    """What was asked for is no option or no class of the script; the message is for people, in several lines."""


class Ended(Refused):
    """The script ended the process before the load: what it has printed to stderr just before is part of the reason."""

    def __init__(self, name: str, end: SystemExit) -> None:
        why = f": {end.code}" if isinstance(end.code, str) else f" (exit {end.code})"
        super().__init__(f"{name} ended the process before the load{why}")


def forget_import_switch(environ: MutableMapping[str, str]) -> None:
    """Before `import locust`: nothing would be cooperative without what this switches off."""
    environ.pop(_AT_IMPORT, None)


def forget_variables(environ: MutableMapping[str, str]) -> None:
    """Before the script is loaded: whatever Locust itself would take for an option. The script's own are kept."""
    from locust import argument_parser

    actions: Sequence[Any] = argument_parser.get_parser(default_config_files=[])._actions  # noqa: SLF001
    for name in (_READ_DIRECTLY, *(getattr(action, "env_var", None) for action in actions)):
        environ.pop(name or "", None)


def options_of(plan: Mapping[str, Any]) -> Any:
    """The options as Locust's parser has them, to which the script has added its own. Raises: Refused."""
    from locust import argument_parser

    script = plan["script"]
    own = _own_words(argument_parser)
    parser: Any = argument_parser.get_parser(default_config_files=[])
    parser.prog = os.path.basename(script["paths"][0])
    arguments = script["arguments"]
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            for word in arguments:
                if word.partition("=")[0] in own:
                    parser.error(f"{word} is an option of the run: put it before  --")
            options = parser.parse_args(args=arguments)
            if options.user_classes:
                parser.error(f"unrecognized arguments: {' '.join(options.user_classes)}")
    except SystemExit:
        raise Refused(printed.getvalue().strip()) from None
    _set(options, plan)
    return options


def _own_words(argument_parser: Any) -> set[str]:
    """Options that Locust has without the script. `--help` is not one: it lists those of the script too."""
    parser = argument_parser.get_empty_argument_parser(add_help=False, default_config_files=[])
    argument_parser.setup_parser_arguments(parser)
    return {word for action in parser._actions for word in action.option_strings}  # noqa: SLF001


def _set(options: Any, plan: Mapping[str, Any]) -> None:
    """What the run decides, in the types that Locust gives."""
    script = plan["script"]
    for name, value in script["options"].items():
        setattr(options, name, value)
    if options.stop_timeout == int(options.stop_timeout):
        options.stop_timeout = int(options.stop_timeout)
    options.host = None if script["own_hosts"] else plan["host"] or None
    options.headless = True
    options.user_classes = list(script["classes"] or script["weights"])
    options.locustfile = ",".join(script["paths"])


def no_such_class(path: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a class that the file does not have."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    meant = f"did you mean {near[0]}? It has" if near else "it has"
    return f"{os.path.basename(path)} has no user class {name}; {meant} {', '.join(names) or 'none'}"


def beside(path: str, missing: str) -> str | None:
    """Where a file is that the script at `path` did not find from the working directory: beside the script itself."""
    if os.path.isabs(missing) or os.path.exists(missing):
        return None
    found = os.path.join(os.path.dirname(os.path.abspath(path)), missing)
    return found if os.path.exists(found) else None
