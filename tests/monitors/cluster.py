"""An API server as far as loadctl and kubectl ask for one: discovery, pods, their metrics and their logs.

The shape of the answers is recorded from real clusters; what they say is set by the test. No cluster was used.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "kube-token-f00ba4"
NAMESPACE = "ml-platform"
_GROUP = {"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}
_CORE = {
    "name": "pods",
    "singularName": "",
    "namespaced": True,
    "kind": "Pod",
    "verbs": ["get", "list"],
    "shortNames": ["po"],
}
_METRICS = {
    "name": "pods",
    "singularName": "",
    "namespaced": True,
    "kind": "PodMetrics",
    "verbs": ["get", "list"],
}
DISCOVERY: Mapping[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [{"name": "metrics.k8s.io", "versions": [_GROUP], "preferredVersion": _GROUP}],
    },
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_CORE]},
    "/apis/metrics.k8s.io/v1beta1": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [_METRICS],
    },
}


def stamp(seconds: float | None = None) -> str:
    return (
        datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
        .isoformat()
        .replace("+00:00", "Z")
    )


def pod(name: str, uid: str = "", *, restarts: int = 0, **more: Any) -> dict[str, Any]:
    """One item of a PodList; `more`: status (of the container), limits, requests, meta, pod_status."""
    status = {
        "name": "api",
        "ready": True,
        "restartCount": restarts,
        "state": {"running": {"startedAt": stamp()}},
    }
    resources = {
        "limits": more.get("limits", {"cpu": "2", "memory": "1Gi"}),
        "requests": more.get("requests", {"cpu": "500m", "memory": "256Mi"}),
    }
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid or f"uid-{name}",
            "labels": {"app": "api"},
            "creationTimestamp": stamp(),
            **more.get("meta", {}),
        },
        "spec": {"containers": [{"name": "api", "image": "x", "resources": resources}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{**status, **more.get("status", {})}],
            **more.get("pod_status", {}),
        },
    }


def ended(code: int, reason: str = "Error", at: float | None = None) -> dict[str, Any]:
    """`terminated` of a container."""
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": stamp(at)}}


def use(name: str, cpu: str, memory: str, at: float | None = None) -> dict[str, Any]:
    """One item of a PodMetricsList."""
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app": "api"},
            "creationTimestamp": stamp(at),
        },
        "timestamp": stamp(at),
        "window": "15.2s",
        "containers": [{"name": "api", "usage": {"cpu": cpu, "memory": memory}}],
    }


@dataclass
class Cluster:
    """`pods` and `uses` are what it tells; `refuse`: path → status; `logs`: (pod, previous) → [(seconds, text)]."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    uses: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    logs: dict[tuple[str, bool], list[tuple[float, str]]] = field(default_factory=dict)
    open: dict[str, threading.Event] = field(default_factory=dict)
    """Of a pod whose log goes on until the event is set."""
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cluster._answer(self)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for event in self.open.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()

    def environment(self, folder: Path) -> dict[str, str]:
        """With the real kubectl on PATH, and a kubeconfig that leads here."""
        config = folder / "kubeconfig"
        config.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": {"server": self.url}}],
                    "users": [{"name": "u", "user": {"token": TOKEN}}],
                    "contexts": [
                        {"name": "x", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}
                    ],
                    "current-context": "x",
                }
            )
        )
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "KUBECONFIG": str(config), "HOME": str(folder)}

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        self.asked.append(request.path)
        pods = f"/namespaces/{NAMESPACE}/pods"
        status = next((code for part, code in self.refuse.items() if part in url.path), 200)
        if status != 200:
            self._send(
                request, status, {"kind": "Status", "apiVersion": "v1", "message": f"refused with {status}"}
            )
        elif url.path.endswith("/log"):
            self._log(request, url.path.split("/")[-2], parse_qs(url.query))
        elif url.path in DISCOVERY:
            self._send(request, 200, DISCOVERY[url.path])
        elif url.path == f"/api/v1{pods}":
            self._send(
                request, 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self.pods}
            )
        elif url.path == f"/apis/metrics.k8s.io/v1beta1{pods}":
            kind = {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}}
            self._send(request, 200, {**kind, "items": self.uses})
        else:
            self._send(
                request, 404, {"kind": "Status", "apiVersion": "v1", "message": "not found", "code": 404}
            )

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, answer: object) -> None:
        body = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _log(self, request: BaseHTTPRequestHandler, name: str, query: dict[str, list[str]]) -> None:
        previous = query.get("previous") == ["true"]
        if previous and (name, True) not in self.logs:
            self._send(request, 400, {"kind": "Status", "message": "previous terminated container not found"})
            return
        since = datetime.fromisoformat(query["sinceTime"][0]).timestamp() if "sinceTime" in query else 0.0
        request.send_response(200)
        request.end_headers()
        sent, until = 0, self.open.get(name) if query.get("follow") == ["true"] else None
        while True:
            over = until is None or until.is_set()
            lines = self.logs.get((name, previous), [])
            for at, text in lines[sent:]:
                if at >= since:
                    request.wfile.write(f"{stamp(at)} {text}\n".encode())
            request.wfile.flush()
            sent = len(lines)
            if over:
                return
            time.sleep(0.02)
