"""A proxy in front of an MLflow server that can be made slow, full, broken or gone."""

import http.client
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FlakyProxy:
    """Passes requests on to a port of this machine; `mood` says what it does to them."""

    def __init__(self, port: int) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing."""

        self.mood, self.delay_s = "well", 0.0
        """well; forgetful: a run is created, but the answer lost; or the status code of every answer, e.g. 507."""
        self.requests: Counter[str] = Counter()
        """By path, e.g. `runs/create`."""
        self._port = port
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def uri(self) -> str:
        """Its address, with a password that no server asks for."""
        return f"http://me:s3cret@127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Do to one request what the mood says."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        asked = request.path.partition("?")[0].partition("/mlflow/")[2]
        self.requests[asked] += 1
        time.sleep(self.delay_s)
        if self.mood.isdigit():
            self._send(request, int(self.mood), b"no")
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        kept = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "authorization")}
        upstream.request(request.command, request.path, body, kept)
        answer = upstream.getresponse()
        content = answer.read()
        if self.mood == "forgetful" and asked == "runs/create":
            request.close_connection = True
            return
        self._send(request, answer.status, content, answer.getheader("Content-Type") or "text/plain")

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, content: bytes, kind: str = "text/plain") -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        with suppress(ConnectionError):  # the client has given up waiting
            request.end_headers()
            request.wfile.write(content)
