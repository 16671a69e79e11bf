"""nginx that answers from memory: the cheapest server there is, so that what is measured is the generator."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

COOKIE = "sid=0123456789abcdef"
ANSWER = '{"model":"churn","prediction":0.731,"version":3}'
_CONFIGURATION = """
daemon off;
worker_processes 1;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events { worker_connections 4096; }
http {
    keepalive_requests 1000000000;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    default_type application/json;
    map $status $refused { ~^2 0; default 1; }
    access_log FOLDER/refused.log combined if=$refused;
    server {
        listen 127.0.0.1:PORT backlog=1024;
        location / { return 204; }
        location = /login {
            add_header Set-Cookie "COOKIE; Path=/; HttpOnly";
            return 200 '{"ok":true}';
        }
        location = /predict {
            if ($http_cookie !~ "COOKIE") { return 403; }
            if ($request_method != POST) { return 405; }
            return 200 'ANSWER';
        }
    }
    server {
        listen 127.0.0.1:STATUS;
        location = / { stub_status; }
    }
}
"""


class Missing(Exception):
    """A program that a comparison needs is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class WebServer:
    """`pid`: the one worker that does the work."""

    url: str
    folder: Path
    status_url: str
    pid: int

    def requests(self) -> int:
        """How many requests came so far, by nginx's own count; this question is one of them."""
        page = httpx.get(self.status_url, timeout=5, trust_env=False)
        return int(page.text.splitlines()[2].split()[2])

    def refused(self) -> str:
        """The first requests that were not as they should be (no cookie, no POST), one a line; empty: none."""
        return (self.folder / "refused.log").read_text()[:500]


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[WebServer]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed (Debian: apt-get install nginx-light)")
    port, status = _free_port(), _free_port()
    text = _CONFIGURATION.replace("FOLDER", str(folder)).replace("PORT", str(port))
    text = text.replace("STATUS", str(status)).replace("COOKIE", COOKIE).replace("ANSWER", ANSWER)
    (folder / "nginx.conf").write_text(text)
    with (folder / "said").open("wb") as said:
        nginx = subprocess.Popen(
            [program, "-p", str(folder), "-c", "nginx.conf"], stdout=said, stderr=said, start_new_session=True
        )
    try:
        _wait_for(status, nginx, folder)
        [worker] = psutil.Process(nginx.pid).children()
        yield WebServer(f"http://127.0.0.1:{port}", folder, f"http://127.0.0.1:{status}/", worker.pid)
    finally:
        nginx.terminate()
        nginx.wait(10)


def _wait_for(port: int, nginx: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and nginx.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise Missing(f"nginx did not start: {(folder / 'said').read_text()[:500]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
