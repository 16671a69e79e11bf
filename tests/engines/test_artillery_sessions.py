"""WebSocket and Socket.IO scenarios: connecting and what is answered are requests, the rest is only counted."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engines.script_folder import Folder, finished

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadctl.engines.artillery.locate import Artillery

PHASES = "  phases: [{duration: 1, arrivalRate: 10}]\n"
# Engine.IO 4 and Socket.IO 5 over WebSocket, as far as a client needs them; plain messages are echoed after 30 ms.
SERVER = """
const { Server } = require(MODULES + '/ws');
const seen = { connections: 0, messages: 0, emits: 0, http: 0 };
const http = require('node:http').createServer((request, response) => { seen.http += 1; response.end('{}'); });
new Server({ server: http }).on('connection', (socket, request) => {
  seen.connections += 1;
  const io = request.url.includes('EIO=4');
  if (io) socket.send('0' + JSON.stringify({ sid: 'x', upgrades: [], pingInterval: 25000, pingTimeout: 20000 }));
  socket.on('message', (data) => {
    const text = String(data);
    if (!io) {
      seen.messages += 1;
      setTimeout(() => socket.send(text), 30);
    } else if (text.startsWith('40')) socket.send('40{"sid":"y"}');
    else if (text.startsWith('42')) {
      seen.emits += 1;
      const [, id] = /^42([0-9]*)/.exec(text);
      if (id) setTimeout(() => socket.send(`43${id}["fine"]`), 30);
    }
  });
});
http.listen(0, '127.0.0.1', () => console.log(http.address().port));
process.stdin.on('data', () => console.log(JSON.stringify(seen))).on('end', () => process.exit(0));
"""


class Chat:
    """A server of sessions; `seen()`: what came to it."""

    def __init__(self, artillery: Artillery, folder: Path) -> None:
        script = folder / "chat.cjs"
        script.write_text(f"const MODULES = {json.dumps(str(artillery.package.parent))};{SERVER}")
        self._process = subprocess.Popen(
            [str(artillery.node), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._line())

    def seen(self) -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seen: dict[str, int] = json.loads(self._line())
        return seen

    def close(self) -> None:
        self._process.communicate(timeout=5)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture
def chat(artillery: Artillery, tmp_path: Path) -> Iterator[Chat]:
    server = Chat(artillery, tmp_path)
    yield server
    server.close()


def test_websocket_scenarios(folder: Folder, chat: Chat) -> None:
    folder.write(
        script__yml=f"config:\n  target: ws://127.0.0.1:{chat.port}\n{PHASES}"
        "scenarios:\n  - engine: ws\n    flow:\n      - {send: hello}\n      - {think: 300ms}\n"
        "      - send: {payload: '{\"a\": 1}', capture: {json: $.a, as: a}}\n"
    )
    said = finished(folder.run())
    assert chat.seen() == {"connections": 10, "messages": 20, "emits": 0, "http": 0}
    assert said.ok("websocket connect") == said.ok("websocket send") == said.totals["turns"] == 10
    assert said.totals["completed"] == 20
    answers = [cell["ok"] for cell in said.cells("websocket send") if "ok" in cell]
    assert min(cell["min_us"] for cell in answers) >= 29_000
    assert max(cell["max_us"] for cell in answers) < 290_000
    assert "20 messages sent over WebSocket" in said.notes


def test_a_websocket_that_is_refused_and_an_answer_that_is_wrong(folder: Folder, chat: Chat) -> None:
    folder.write(
        script__yml=f"config:\n  target: ws://127.0.0.1:{chat.port}\n{PHASES}"
        "scenarios:\n  - {engine: ws, flow: [{connect: 'ws://127.0.0.1:1'}, {send: x}]}\n"
        "  - engine: ws\n    flow: [{send: {payload: '{}', capture: {json: $.missing, as: a}}}]\n"
    )
    said = finished(folder.run())
    accepted = chat.seen()["connections"]
    assert said.errors("websocket connect") == ({"connect_refused": 10 - accepted} if accepted < 10 else {})
    assert said.errors("websocket send") == ({"check_failed": accepted} if accepted else {})
    assert said.totals["turns"] == 10
    assert said.totals["faults"] == 0


def test_socket_io_scenarios(folder: Folder, chat: Chat) -> None:
    folder.write(
        script__yml=f"config:\n  target: http://127.0.0.1:{chat.port}\n{PHASES}"
        "  socketio: {transports: [websocket]}\nscenarios:\n  - engine: socketio\n    flow:\n"
        "      - emit: {channel: note, data: hi}\n"
        "      - {emit: {channel: ask, data: hi}, acknowledge: {match: {json: $.0, value: fine}}}\n"
        "      - get: {url: /health}\n"
    )
    said = finished(folder.run())
    assert chat.seen() == {"connections": 10, "messages": 0, "emits": 20, "http": 10}
    for endpoint in ("socketio connect", "socketio emit ask", "GET /health"):
        assert said.ok(endpoint) == 10
    assert said.totals["completed"] == 30
    assert min(cell["ok"]["min_us"] for cell in said.cells("socketio emit ask") if "ok" in cell) >= 29_000
    assert "20 events emitted over Socket.IO" in said.notes
