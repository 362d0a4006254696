"""Access check of the REST server: ASGI middleware that lets only whoever has the token ask, by a known host name."""

import json
from collections.abc import Mapping

from seglet.serving.limits import UPLOAD_SECONDS, ServiceLimits
from seglet.web.callers import (
    Application,
    HostNames,
    Message,
    Receive,
    Send,
    is_of_another_page,
    own_headers,
    request_headers,
    same_token,
)
from seglet.web.limited_body import Allowance, LimitedBody
from seglet.web.responses import send_whole, with_headers

OPEN_PATHS = ("/health", "/docs", "/openapi.json")
"""Addresses that need no token: they tell nothing of the network or of images."""
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ROUND_A_FILE = 100_000
"""Bytes of a form around its file."""


class AccessCheck:
    """Middleware that refuses whoever must not ask, and whatever is too long or too slow.

    Args:
        hosts: names that the server is called by.
        token: what requests have to bring, as `Authorization: Bearer …`; None for no token.
        limits: those of an image's bytes count here.
        seconds: time that a request may take to arrive; each part of it may take a tenth.
    """

    def __init__(
        self,
        app: Application,
        hosts: HostNames,
        token: str | None,
        limits: ServiceLimits,
        seconds: float = UPLOAD_SECONDS,
    ) -> None:
        self.app, self.hosts, self.token, self.seconds = app, hosts, token, seconds
        self.megabytes = limits.megabytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes the request on, with headers added to its response, or refuses it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await refuse_as_json(with_headers(send, _HEADERS), *refusal)
        else:
            allowed = Allowance(self._most, cure=f"send an image of at most {self.megabytes} MB")
            body = LimitedBody(receive, allowed, self.seconds, refuse_as_json)
            await body.run(self.app, {**scope, "headers": own_headers(scope)}, with_headers(send, _HEADERS))

    @property
    def _most(self) -> int:
        return self.megabytes * 1_000_000 + _ROUND_A_FILE

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        """Returns status and reason why a request is refused; None if it is not."""
        headers = request_headers(scope)
        host = headers.get(b"host", "")
        if host not in self.hosts:
            return 421, f"this server is not called {host!r}; start it with --allow-host NAME for each of its names"
        if is_of_another_page(headers, opens_page=scope["method"] == "GET" and scope["path"] == "/docs"):
            return 403, "a page of another site asked this; ask from a program, or from a server of your own"
        if scope["path"] not in OPEN_PATHS and not self._has_token(scope):
            return 401, "send the token that the server was started with: Authorization: Bearer TOKEN"
        length = headers.get(b"content-length", "0")
        if length.isdigit() and int(length) > self._most:
            return 413, f"{length} bytes are too many; send an image of at most {self.megabytes} MB"
        return None

    def _has_token(self, scope: Message) -> bool:
        if self.token is None:
            return True
        given = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"]
        kind, _, token = (given[-1] if given else "").partition(" ")
        return kind.lower() == "bearer" and same_token(token.strip(), self.token)


async def refuse_as_json(send: Send, status: int, reason: str) -> None:
    """Answers with a status and the reason as JSON, and closes the connection."""
    headers = {"Content-Type": "application/json"} | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    await send_whole(send, status, json.dumps({"error": reason}).encode(), headers)
