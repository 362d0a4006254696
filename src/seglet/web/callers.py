"""Callers of a server by HTTP: the host name they use, the page they come from, and their token."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine."""

_FORWARDED = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"x-original-", b"x-rewrite-", b"x-direct-url", b"x-gradio-")
"""Beginnings of headers that would move a page's root or claim another client."""


class HostNames:
    """Names that a server is called by; with `addresses` also any number (192.0.2.7), as numbers cannot be rebound."""

    def __init__(self, names: Iterable[str] = LOOPBACK, addresses: bool = False) -> None:
        self.names, self.addresses = frozenset(name.lower() for name in names), addresses

    def __contains__(self, host: str) -> bool:
        """Returns True for a Host header, in small letters, with one of the names; other pages' are DNS rebinding."""
        name = host_name(host)
        return name in self.names or (self.addresses and _is_address(name))


def request_headers(scope: Message) -> dict[bytes, str]:
    """Returns the headers of a request, names and values in small letters; of repeated ones the last."""
    return {name.lower(): value.decode("latin-1").lower() for name, value in scope["headers"]}


def is_of_another_page(headers: dict[bytes, str], opens_page: bool) -> bool:
    """Returns True for a request that a page of another origin or site makes a browser send.

    Args:
        headers: those of the request.
        opens_page: whether the request may be a link elsewhere that the user followed.
    """
    origin = headers.get(b"origin")
    if origin is not None and urlsplit(origin).netloc != headers.get(b"host", ""):
        return True
    followed = opens_page and headers.get(b"sec-fetch-mode") == "navigate"
    return headers.get(b"sec-fetch-site", "none") not in ("same-origin", "none") and not followed


def own_headers(scope: Message) -> list[tuple[bytes, bytes]]:
    """Returns the headers of a request as they are, without those of proxies."""
    return [pair for pair in scope["headers"] if not pair[0].lower().startswith(_FORWARDED)]


def same_token(given: str, token: str) -> bool:
    """Compares a given token in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(), token.encode())


def host_name(named: str) -> str:
    """Returns the host name of a Host header without its port; empty if it has none."""
    return named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() else named


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
