"""An endpoint for lineage on this machine, which answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Endpoint:
    """What an endpoint at `url` was sent: path, headers and body of each request."""

    url: str
    sent: list[tuple[str, Mapping[str, str], dict[str, Any]]] = field(default_factory=list)


def answer_never_ending(handler: BaseHTTPRequestHandler) -> None:
    """Byte by byte: no timeout between two of them is ever reached."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        while True:
            handler.wfile.write(b".")
            time.sleep(0.1)


def answer(status: int, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextmanager
def endpoint(how: Callable[[BaseHTTPRequestHandler], None] = partial(answer, 201)) -> Iterator[Endpoint]:
    """An endpoint on this machine, which answers as it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.sent.append((self.path, dict(self.headers), json.loads(body)))
            how(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = Endpoint(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield found
        finally:
            server.shutdown()
