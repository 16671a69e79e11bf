"""Locust's own web page in a process of its own: `python launch.py page`.

It makes no load, so drawing the page holds up no user. What its buttons ask for is written as orders, one JSON object
a line, to the file that the settings name. How a run ended comes as a JSON line on standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .control import Control, kill_group
from .shard import prepare_process

if TYPE_CHECKING:
    from .page_channel import PageRunner


_VERDICT = """
<a id="verdict" target="_blank" style="position:fixed; bottom:0; left:0; right:0; z-index:9; padding:12px 24px;
  background:#263238; color:#fff; font:15px sans-serif" hidden></a>
<script>
  setInterval(async () => {
    const {line, report} = await (await fetch("./verdict")).json()
    const link = document.getElementById("verdict")
    link.hidden = !line
    link.textContent = report ? `${line} → report` : line
    link.href = report ?? "#"
  }, 1000)
</script>
"""


def main() -> None:
    control = Control()
    control.listen()
    settings = control.next_json()
    prepare_process()
    sys.argv[1:] = []  # Locust's parser of options reads them
    import gevent
    from gevent import pywsgi
    from locust import log, stats
    from locust.web import WebUI

    from .page_channel import environment_of

    log.setup_logging("INFO")
    with open(settings["orders"], "a", buffering=1, encoding="utf-8") as orders:  # noqa: PTH123

        def order(**what: object) -> None:
            orders.write(json.dumps(what) + "\n")

        environment, runner = environment_of(settings, order)
        place = settings["bind"], settings["port"]
        web = WebUI(environment, *place, delayed_start=True)
        _guard(web.app, settings)
        _show_verdict(web.app, runner)
        web.server = pywsgi.WSGIServer(place, web.app, log=None, error_log=None)
        try:
            web.server.start()
        except OSError as error:
            sys.exit(error.strerror or str(error))
        order(port=web.server.server_port, master=runner.server.port)
        gevent.spawn(stats.stats_history, runner)
        waiting = gevent.get_hub().threadpool
        while line := waiting.apply(control.next_line):
            runner.end(**json.loads(line))
    kill_group()


def _guard(app: Any, settings: Mapping[str, Any]) -> None:
    """Locust answers every page that a browser has open, under every name: no other site may press Start, and the
    host that was agreed to is the only one that is loaded."""
    from flask import jsonify, make_response, request

    def refuse() -> Any:
        if _foreign(request, settings["bind"]):
            return make_response("requests from other sites are refused", 403)
        asked = (request.form.get("host") or "").rstrip("/") if request.path.endswith("/swarm") else ""
        if asked and asked != settings["host"]:
            host = settings["host"]
            message = f"this page loads {host} only; for another host:  loadctl ui … --host {asked}"
            return jsonify({"success": False, "message": message, "host": host})
        return None

    app.before_request(refuse)


def _show_verdict(app: Any, runner: PageRunner) -> None:
    """Below the page: Locust's own shows a log only as it was when it last asked for it."""
    from flask import jsonify, make_response, request, send_file

    def below(response: Any) -> Any:
        if request.path == "/":
            response.set_data(response.get_data() + _VERDICT.encode())
        return response

    def verdict() -> Any:
        return jsonify({"line": runner.verdict, "report": "report" if runner.report else None})

    def report() -> Any:
        return send_file(runner.report) if runner.report else make_response("there is no report", 404)

    app.after_request(below)
    app.add_url_rule("/verdict", "verdict", verdict)
    app.add_url_rule("/report", "report", report)


def _foreign(request: Any, bind: str) -> bool:
    """Sent by another site's page (Origin), or by one whose name was made to point here (Host)."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return True
    name = urlsplit(f"//{request.host}").hostname or ""
    by_name = not name.replace(".", "").isdigit() and ":" not in name
    is_loopback = bind.startswith("127.") or bind in {"localhost", "::1"}
    return is_loopback and by_name and name != "localhost" and not name.endswith(".localhost")
