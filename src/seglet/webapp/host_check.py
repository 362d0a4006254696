"""Host check: ASGI middleware that refuses foreign host names and limits what the page may load."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
)
"""Gradio's page consists of inline scripts, so these must be allowed; none can reach another host."""
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine."""


class HostCheck:
    """Middleware that refuses requests for other host names than `hosts`, which DNS rebinding would use."""

    def __init__(self, app: Application, hosts: tuple[str, ...] = LOOPBACK) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes the request on, with headers added to its response, or refuses it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif self.hosts and requested_host(scope) not in self.hosts:
            await _refuse(scope, send)
        else:
            await self.app(scope, receive, _with_headers(send))


def requested_host(scope: Message) -> str:
    """Returns the host name of a request without its port; empty if it has none."""
    named: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    return named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() else named


async def _refuse(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    text = b"this page is at http://127.0.0.1 or http://localhost; open it there\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *own]
        await send(message)

    return sending
