"""Stores for tests of recovery: a directory, memory, and an S3, plain or behind a proxy that misbehaves."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import obstore
from moto.server import ThreadedMotoServer
from obstore.store import from_url

BUCKET = "backups"


def s3_environment(address: str) -> dict[str, str]:
    """The environment in which obstore finds this S3, as its usual chain has it."""
    return {
        "AWS_ENDPOINT": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "nothing",  # pragma: allowlist secret
    }


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 that has the bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"))
    try:
        yield address
    finally:
        server.stop()


def end_the_lease(url: str) -> None:
    """As it is for others when its holder stands still for longer than the lease."""
    leases = from_url(f"{url}/lock")
    name = max(entry["path"] for page in obstore.list(leases) for entry in page)
    claim = json.loads(bytes(obstore.get(leases, name).bytes()))
    claim["expires_at"] = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    obstore.put(leases, name, json.dumps(claim).encode())


class _Misbehaving(BaseHTTPRequestHandler):
    """Hands each request on as it is. One in ten fails without reaching the store, one in ten loses its answer, and
    some are slow."""

    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        server = self.server
        assert isinstance(server, FaultProxy)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = server.fate()
        if fate < 0.1:
            server.failed += 1
            self._answer(503, [], b"<Error><Code>SlowDown</Code></Error>")
            return
        if fate > 0.8:
            time.sleep(0.02)
        onward = http.client.HTTPConnection(server.behind, timeout=30)
        onward.request(self.command, self.path, body, dict(self.headers))
        reply = onward.getresponse()
        content = reply.read()
        onward.close()
        if fate < 0.2:
            server.lost += 1
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self._answer(reply.status, reply.getheaders(), content, length=reply.getheader("Content-Length"))

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class FaultProxy(ThreadingHTTPServer):
    """A proxy before an S3; `failed` and `lost` count the calls that it let fail and the answers that it dropped."""

    daemon_threads = True

    def __init__(self, address: str, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Misbehaving)
        self.behind = urlsplit(address).netloc
        self.failed = self.lost = 0
        self._random, self._one_at_a_time = random.Random(seed), threading.Lock()

    def fate(self) -> float:
        with self._one_at_a_time:
            return self._random.random()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a connection that was shut down is what this is for."""


@contextmanager
def misbehaving(address: str, seed: int = 7) -> Iterator[tuple[str, FaultProxy]]:
    """The address of a proxy before the S3 at `address`, and the proxy."""
    proxy = FaultProxy(address, seed)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield "http://127.0.0.1:{}".format(proxy.server_port), proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
