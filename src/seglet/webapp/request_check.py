"""Request check: ASGI middleware that lets only the page itself, opened on purpose, talk to its server.

Other pages in the browser are refused by host name (DNS rebinding), origin and fetch site, other users of the machine
by a token; other routes than the page needs do not exist; a file is served only from the server's own folder, whose
size is limited; nothing is waited for without end.
"""

import asyncio
import hmac
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine."""

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
_FORWARDED = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"x-original-", b"x-rewrite-", b"x-direct-url", b"x-gradio-")
"""Beginnings of headers that would move the page's root or claim another client; nothing forwards to this server."""

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
        self.app, self.folder, self.addresses = app, folder.resolve(), addresses
        self.hosts, self.quota, self.seconds = frozenset(name.lower() for name in hosts), quota, seconds
        self.uploads, self.token = _Allowance(quota), token

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
            headers = [pair for pair in scope["headers"] if not pair[0].lower().startswith(_FORWARDED)]
            body = _LimitedBody(receive, self._allowance(scope), self.seconds)
            await body.run(self.app, {**scope, "headers": headers}, _with_headers(send))

    def _allowance(self, scope: Message) -> "_Allowance":
        """Returns the bytes that a request may have; all uploads at a time share those that the folder has left."""
        if not scope["path"].startswith(_UPLOAD):
            return _Allowance(_MOST_ASKED)
        self.uploads.most = self.quota - folder_bytes(self.folder)
        return self.uploads

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        """Returns status and reason why a request is refused; None if it is not."""
        headers = {name.lower(): value.decode("latin-1").lower() for name, value in scope["headers"]}
        host, path = headers.get(b"host", ""), scope["path"]
        if not self._known(host_name(host)):
            return 421, "this page is at http://127.0.0.1 or http://localhost; open it there"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "another page asked this; open the page itself"
        site = headers.get(b"sec-fetch-site", "none")
        opened = scope["method"] == "GET" and path == "/" and headers.get(b"sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not opened:
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
        return self.token is not None and hmac.compare_digest(text.encode(), self.token.encode())

    def _known(self, name: str) -> bool:
        return name in self.hosts or (self.addresses and _is_address(name))

    def _own(self, name: str) -> bool:
        """Checks that a name is the whole path of a file in the folder: no address, nothing behind a link."""
        file = Path(name)
        try:
            return file.is_absolute() and file.resolve().is_relative_to(self.folder) and file.is_file()
        except (OSError, ValueError):  # too long, or NUL
            return False


@dataclass
class _Allowance:
    """Bytes that may arrive, and those that have."""

    most: int
    taken: int = 0


class _LimitedBody:
    """The body of a request, which ends with an error if it is too long or too slow."""

    def __init__(self, receive: Receive, allowance: _Allowance, seconds: float) -> None:
        self.receive, self.allowance, self.pause = receive, allowance, seconds / 10
        self.end = time.monotonic() + seconds
        self.size = 0
        self.whole = False
        self.refused: tuple[int, str] | None = None

    async def next(self) -> Message:
        if self.whole:  # what comes next is the end of the connection, which may take as long as the answer
            return await self.receive()
        wait = min(self.pause, self.end - time.monotonic())
        try:
            message = await asyncio.wait_for(self.receive(), max(wait, 0.001))
        except TimeoutError:
            return self._stop(408, "the upload took too long; drop fewer images")
        self.size += len(message.get("body", b""))
        self.allowance.taken += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.allowance.taken > self.allowance.most:
            return self._stop(413, "too much was uploaded; end the command and begin again")
        return message

    def _stop(self, status: int, reason: str) -> Message:
        self.refused, self.whole = (status, reason), True
        return {"type": "http.disconnect"}

    async def run(self, app: Application, scope: Message, send: Send) -> None:
        """Runs the application; where the body was refused, its own answer gives way to the refusal."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if self.refused is None or begun:
                begun = True
                await send(message)

        try:
            await app(scope, self.next, sending)
        except Exception:
            if self.refused is None:
                raise
        finally:
            self.allowance.taken -= self.size
        if self.refused is not None and not begun:
            await refuse_request(send, *self.refused)


def host_name(named: str) -> str:
    """Returns the host name of a Host header without its port; empty if it has none."""
    return named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() else named


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


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


async def refuse_request(send: Send, status: int, reason: str) -> None:
    """Answers with a status and a line of text, and closes the connection."""
    text = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": text})


def _with_headers(send: Send) -> Send:
    names = {name.lower().encode() for name in _HEADERS}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            given = [
                pair
                for pair in message.get("headers", [])
                if pair[0].lower() not in names and not pair[0].lower().startswith(b"access-control-")
            ]
            message["headers"] = [*given, *own]
        await send(message)

    return sending
