"""Limits of the REST server, and the errors that it answers with."""

from dataclasses import dataclass

from seglet.web.limits import UPLOAD_MEGABYTES, UPLOAD_PIXELS

UPLOAD_SECONDS = 60
"""Time that a request may take to arrive."""


@dataclass(frozen=True)
class ServiceLimits:
    """Limits of requests.

    Args:
        megabytes: largest size of an image file.
        pixels: largest number of its pixels.
        waiting: requests that may wait while one is computed; further ones are refused.
        seconds: time that a request waits for its turn.
    """

    megabytes: int = UPLOAD_MEGABYTES
    pixels: int = UPLOAD_PIXELS
    waiting: int = 16
    seconds: float = 30


class RequestError(ValueError):
    """A request that is answered with an error; `retry` are the seconds after which another attempt is worth it."""

    def __init__(self, status: int, reason: str, retry: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.retry = status, retry
