"""Runs in a process of its own: what Locust's parser makes of a plan, beside what the bare command line makes of its
words. In: {script, plan, bare?}; out: both as {name: [type, value]}, the variables left, or the refusal."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from loadctl.engines.locust.inside.script.options import (
    Refused,
    forget_import_switch,
    forget_variables,
    options_of,
)

given = json.load(sys.stdin)
os.environ.update(given.get("environ", {}))
forget_import_switch(os.environ)

import locust  # noqa: E402, F401
from locust.argument_parser import get_parser  # noqa: E402
from locust.util.load_locustfile import load_locustfile  # noqa: E402


def shown(options: Any) -> dict[str, Any]:
    return {name: [type(value).__name__, value] for name, value in vars(options).items()}


forget_variables(os.environ)
load_locustfile(given["plan"]["script"]["paths"][0])
said: dict[str, Any] = {"left": sorted(name for name in os.environ if name.startswith("LOCUST_"))}
try:
    said["ours"] = shown(options_of(given["plan"]))
except Refused as error:
    said["refused"] = str(error)
if "bare" in given:
    said["bare"] = shown(get_parser(default_config_files=[]).parse_args(args=given["bare"]))
sys.stdout.write(json.dumps(said))
