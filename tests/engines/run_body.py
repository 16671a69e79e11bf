"""Bodies in on stdin; what each capture or check says of its body out: the counterpart of run_body.mjs."""

import json
import sys
from typing import Any, cast

from loadctl.engines.json_path import NOTHING
from loadctl.engines.locust.inside.client.connection import NOTABLE, Response
from loadctl.engines.locust.inside.journey.capture import Reply, compile_source
from loadctl.engines.locust.inside.journey.check import compile_check
from loadctl.scenario.prng import as_json


def reply_to(body: str, headers: list[tuple[str, str]]) -> Reply:
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    response = Response(200, fields, any(name in NOTABLE for name, _ in fields))
    response.body = body.encode("latin-1")
    response.size = len(response.body)
    return Reply(response, cast("Any", None))


def said(each: dict[str, Any]) -> object:
    reply = reply_to(each["body"], each["headers"])
    try:
        if each.get("check"):
            return [complaint(reply, cast("Any", None)) for complaint in compile_check(each["check"])]
        found = compile_source(each["source"])(reply)
        return None if found is NOTHING else as_json(found)
    except ValueError as error:
        return f"! {error}"


json.dump([said(each) for each in json.load(sys.stdin)], sys.stdout)
