"""A server that speaks S3 on this machine, whose answers can be made to fail."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Faults:
    """What befalls the next reads of objects: one of `kinds` each, in order, then nothing.

    `error` is an answer 500, `throttle` 503, `slow` waits, `torn` closes the connection in the middle, and `short` is
    a whole answer with fewer bytes than were asked for.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.kinds: list[str] = []
        self.reads = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        reading = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].count("/") > 1
        self.reads += reading
        kind = self.kinds.pop(0) if reading and self.kinds else ""
        if kind in ("error", "throttle", "denied"):
            status, code = {"error": ("500 Fault", "InternalError"), "throttle": ("503 Slow Down", "SlowDown"),
                            "denied": ("403 Forbidden", "AccessDenied")}[kind]  # fmt: skip
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        if kind == "slow":
            time.sleep(0.3)
        return self._cut(environ, start, kind) if kind in ("torn", "short") else self.application(environ, start)

    def _cut(self, environ: dict[str, Any], start: Callable[..., Any], kind: str) -> Iterable[bytes]:
        answer: list[Any] = []
        body = b"".join(self.application(environ, lambda *given: answer.extend(given[:2])))
        half = body[: len(body) // 2]
        length = len(body) if kind == "torn" else len(half)
        headers = [(name, value) for name, value in answer[1] if name.lower() != "content-length"]
        start(answer[0], [*headers, ("Content-Length", str(length))])
        return [half]


@contextmanager
def running() -> Iterator[tuple[str, Faults]]:
    """Yields the address of a server and its faults."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    faults = Faults(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, faults, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
