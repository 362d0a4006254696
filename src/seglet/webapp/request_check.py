"""Request check: ASGI middleware that lets only the page itself, opened on purpose, talk to its server.

Other pages in the browser are refused by host name (DNS rebinding), origin and fetch site, other users of the machine
by a token; other routes than the page needs do not exist; a file is served only from the server's own folder, whose
size is limited; nothing is waited for without end.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qs

from seglet.web.callers import (
    LOOPBACK,
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
from seglet.web.responses import refuse_request, with_headers

CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
)
"""Gradio's page consists of inline scripts, so these must be allowed; none can reach another host."""
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ROUTES = {
    "GET": re.compile(
        r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon|/(static|assets|svelte)/[^\\]*"
        r"|/gradio_api/(startup-events|app_id/?|info/?|theme\.css|queue/(data|status)|upload_progress|heartbeat/[\w-]+)"
        r"|/gradio_api/file=.*",
        re.DOTALL,
    ),
    "HEAD": re.compile(r"/|/gradio_api/file=.*", re.DOTALL),
    "POST": re.compile(r"/gradio_api/(queue/join|upload|reset|cancel)/?"),
}
"""Routes that the page uses, by method."""

_FILE, _UPLOAD = "/gradio_api/file=", "/gradio_api/upload"
_STARTED = "/gradio_api/startup-events"
"""Route by which Gradio finds that its own server is up; it answers no more than that."""

_MEGABYTE = 1_000_000
_MOST_ASKED = 2 * _MEGABYTE
"""Bytes of a request that uploads nothing."""


class RequestCheck:
    """Middleware that refuses whatever the page itself does not ask.

    Args:
        folder: what may be served, and counts towards `quota`, in bytes.
        hosts: names that the page is opened by.
        addresses: also let in by any number (192.0.2.7), as numbers cannot be rebound; for pages of other machines.
        seconds: time that a request may take to arrive; each part of it may take a tenth.
        token: what the page has to be opened with, as `/?token=…`, which leaves it in a cookie; None for no token.
    """

    def __init__(
        self,
        app: Application,
        folder: Path,
        hosts: Iterable[str] = LOOPBACK,
        addresses: bool = False,
        quota: int = 1000 * _MEGABYTE,
        seconds: float = 120,
        *,
        token: str | None = None,
    ) -> None:
        self.app, self.folder, self.hosts = app, folder.resolve(), HostNames(hosts, addresses)
        self.quota, self.seconds, self.token = quota, seconds, token
        self.uploads = Allowance(quota, cure="end the command and begin again")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes the request on, with headers added to its response, or refuses it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await refuse_request(send, *refusal)
        elif self._opens(scope):
            await _enter_page(send, _cookie_name(scope), str(self.token))
        elif not self._entered(scope):
            await refuse_request(send, 401, "open the whole address that the command printed, with its token")
        else:
            body = LimitedBody(receive, self._allowance(scope), self.seconds)
            await body.run(self.app, {**scope, "headers": own_headers(scope)}, with_headers(send, _HEADERS))

    def _allowance(self, scope: Message) -> Allowance:
        """Returns the bytes that a request may have; all uploads at a time share those that the folder has left."""
        if not scope["path"].startswith(_UPLOAD):
            return Allowance(_MOST_ASKED)
        self.uploads.most = self.quota - folder_bytes(self.folder)
        return self.uploads

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        """Returns status and reason why a request is refused; None if it is not."""
        headers, path = request_headers(scope), scope["path"]
        if headers.get(b"host", "") not in self.hosts:
            return 421, "this page is at http://127.0.0.1 or http://localhost; open it there"
        if is_of_another_page(headers, opens_page=scope["method"] == "GET" and path == "/"):
            return 403, "another page asked this; open the page itself"
        routes = _ROUTES.get(scope["method"])
        if routes is None or not routes.fullmatch(path):
            return 404, "the page needs no such address"
        if path.startswith(_FILE) and not self._own(path.removeprefix(_FILE)):
            return 403, "only uploads and downloads are served"
        return None

    def _opens(self, scope: Message) -> bool:
        """Returns True if a request brings the token, as the first one of a browser does."""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[-1]
        return bool(given) and scope["method"] == "GET" and scope["path"] == "/" and self._is_token(given)

    def _entered(self, scope: Message) -> bool:
        """Returns True if a request needs no token, or has its cookie."""
        if self.token is None or scope["path"] == _STARTED:
            return True
        cookies = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"cookie"]
        pairs = [pair.strip().partition("=") for line in cookies for pair in line.split(";")]
        return any(name == _cookie_name(scope) and self._is_token(value) for name, _, value in pairs)

    def _is_token(self, text: str) -> bool:
        return self.token is not None and same_token(text, self.token)

    def _own(self, name: str) -> bool:
        """Checks that a name is the whole path of a file in the folder: no address, nothing behind a link."""
        file = Path(name)
        try:
            return file.is_absolute() and file.resolve().is_relative_to(self.folder) and file.is_file()
        except (OSError, ValueError):  # too long, or NUL
            return False


def folder_bytes(folder: Path) -> int:
    """Returns the size of all files in a folder; those that are deleted meanwhile do not count."""
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.lstat().st_size
        except OSError:
            continue
    return sizes


def _cookie_name(scope: Message) -> str:
    """Returns the cookie's name with the port, as browsers give cookies to all ports of a host."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"), "")
    port = host.rpartition(":")[2]
    return f"seglet-app-{port if port.isdigit() else 80}"


async def _enter_page(send: Send, name: str, token: str) -> None:
    """Sends the browser to the page without the token in its address, and leaves it in a cookie."""
    cookie = f"{name}={token}; Path=/; HttpOnly; SameSite=Strict".encode()
    headers = [(b"location", b"/"), (b"set-cookie", cookie), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    headers.append((b"referrer-policy", b"no-referrer"))
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
