"""A small web server on loopback: the far side of an import, with every misbehaviour that a test asks for."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Answer = Callable[[BaseHTTPRequestHandler], None]


def plain(body: bytes, *, status: int = 200, **headers: str) -> Answer:
    """Answer with a body; a header given by keyword takes the place of the usual one."""
    usual = {"Content_Type": "text/csv", "Content_Length": str(len(body))}

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in (usual | headers).items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def redirect(target: str, *, status: int = 302) -> Answer:
    """Answer with a redirect."""
    return plain(b"", status=status, Location=target)


def truncated(body: bytes, *, announced: int) -> Answer:
    """Announce more bytes than come."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(announced))
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    return answer


class WebServer:
    """`answers` maps paths to what is answered; `seen` lists (path, headers) of the requests that arrived."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, dict(self.headers)))
                outer.answers.get(urlsplit(self.path).path, plain(b"", status=404))(self)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
