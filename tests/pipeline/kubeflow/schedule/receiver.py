"""A webhook over real HTTP."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What arrived, and what is answered."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.messages: list[dict[str, Any]] = []
        self.tries = 0


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port; its path is a secret."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.tries += 1
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            if status == 200 and self.headers["content-type"] == "application/json":
                receiver.messages.append(json.loads(body))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", receiver.url)
            self.end_headers()

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{httpd.server_address[1]}/services/T0/B0/s3cr3t"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
