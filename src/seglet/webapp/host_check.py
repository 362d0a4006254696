"""Stands before the server: who may ask, and what a page may load. Plain ASGI."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
)
"""Gradio's page is made of inline script, so no script can be told from another here; but none reaches another host."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Refuses requests that call this machine by a name it does not have, as pages of others do (DNS rebinding)."""

    def __init__(self, app: Application, hosts: tuple[str, ...] = LOOPBACK) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif self.hosts and hostname(scope) not in self.hosts:
            await refuse(scope, send)
        else:
            await self.app(scope, receive, _with_headers(send))


def hostname(scope: Message) -> str:
    """The host that was asked for, without port; empty if none was."""
    named: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    return named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() else named


async def refuse(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    said = b"this page is at http://127.0.0.1 or http://localhost; open it there\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": said})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *own]
        await send(message)

    return sending
