"""The REST server's process: its socket, its token, and its end by a signal."""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.serving.access import AccessCheck
from seglet.web.callers import LOOPBACK, HostNames

if TYPE_CHECKING:
    from seglet.serving.service import MaskService

TOKEN_VARIABLE = "SEGLET_SERVE_TOKEN"
"""Environment variable with the token, where it must not be seen among the words of a command."""
_SHORTEST_TOKEN = 16
_MISSING = "serving needs FastAPI and uvicorn; run `pip install 'seglet[serve]'`"
_MOST_CONNECTIONS = 256
"""Connections at a time; further ones are answered with 503 before anything of them is read."""
_LAST_SECONDS = 30
"""Time that requests have to end when the server is stopped."""


@dataclass(frozen=True)
class Address:
    """Address of a server, and the names that it is called by.

    Args:
        host: name or number of a network interface of this machine; 0.0.0.0 for all.
        port: 0 for a free one.
        names: further names that the server is called by.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()

    @property
    def open_to_others(self) -> bool:
        """True if other machines can reach it."""
        return self.host not in LOOPBACK

    @property
    def hosts(self) -> HostNames:
        """Names that requests may use; those of other machines may also use any number."""
        own = (socket.gethostname(), socket.getfqdn()) if self.open_to_others else ()
        return HostNames((*LOOPBACK, self.host, *own, *self.names), self.open_to_others)

    def bind(self) -> socket.socket:
        """Returns a socket that listens.

        Raises:
            ValueError: the port is taken, or the host is not this machine's.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host.strip("[]"), self.port), family=family)
        except OSError as error:
            where = f"{self.host}:{self.port}"
            raise ValueError(f"cannot serve at {where} ({error}); choose another --port or --host") from error


def read_token(file: Path | None, none: bool) -> tuple[str | None, bool]:
    """Returns the token of a file, else of the environment, else a new one; and whether it is new.

    Raises:
        ValueError: it is short or has spaces, or a file is given although there is to be `none`.
    """
    if none:
        if file is not None:
            raise ValueError("--no-token and --token-file contradict each other; leave one out")
        return None, False
    given = os.environ.get(TOKEN_VARIABLE) if file is None else file.read_text(encoding="utf-8").strip()
    if given is None:
        return secrets.token_urlsafe(24), True
    if len(given) < _SHORTEST_TOKEN or not given.isascii() or any(letter.isspace() for letter in given):
        where = TOKEN_VARIABLE if file is None else str(file)
        raise ValueError(f"the token of {where} has {len(given)} letters; expected {_SHORTEST_TOKEN} or more, ASCII "
                         "without spaces, such as those of `openssl rand -hex 16`")  # fmt: skip
    return given, False


def checked_application(service: "MaskService", hosts: HostNames, token: str | None) -> Any:
    """Returns the whole server as an ASGI application: metrics around the access check around the addresses.

    Raises:
        ValueError: the extra `serve` is not installed.
    """
    try:
        from seglet.serving.application import PATHS, build_application
        from seglet.serving.metrics import Metered, Metrics

        metrics = Metrics()
        application = build_application(service, metrics)
    except ImportError as error:
        raise ValueError(f"{_MISSING} ({error})") from error
    return Metered(AccessCheck(application, hosts, token, service.limits), metrics, PATHS)


def serve_until_stopped(application: Any, address: Address, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; requests that have begun are answered first.

    `ready` gets the address that was bound.

    Raises:
        ValueError: the address cannot be bound, or uvicorn is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ValueError(f"{_MISSING} ({error})") from error
    with address.bind() as bound:
        config = uvicorn.Config(
            application, log_config=None, log_level="warning", access_log=False, server_header=False, ws="none",
            proxy_headers=False, lifespan="off", limit_concurrency=_MOST_CONNECTIONS, timeout_keep_alive=5,
            timeout_graceful_shutdown=_LAST_SECONDS,
        )  # fmt: skip
        host = f"[{address.host.strip('[]')}]" if ":" in address.host else address.host
        ready(f"http://{host}:{bound.getsockname()[1]}")
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:  # uvicorn repeats the signal that stopped it, at the end
            return
