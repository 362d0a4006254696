"""Metrics of the REST server in Prometheus' text format: requests, errors, latency, memory."""

import time
from collections.abc import Callable
from typing import Any

from seglet.web.callers import Application, Message, Receive, Send

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the latency histogram, in seconds."""
_OTHER = "other"
"""Stands for all addresses that do not exist, which would make rows without end."""


class Metrics:
    """Counters of one server; those of the process (memory, processor time, open files) are added on Linux."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        self.registry: Any = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        here = {"registry": self.registry}
        self.requests: Any = Counter("seglet_requests", "Requests answered.", ["path", "status"], **here)
        self.errors: Any = Counter("seglet_errors", "Requests answered with 400 or above.", ["path", "status"], **here)
        self.latency: Any = Histogram(
            "seglet_request_seconds", "Time from a request to its whole answer.", ["path"], buckets=_BUCKETS, **here
        )
        self.prediction: Any = Histogram(
            "seglet_prediction_seconds", "Time to decode and segment an image.", buckets=_BUCKETS, **here
        )
        self.pixels: Any = Counter("seglet_pixels", "Pixels segmented.", **here)
        self.present: Any = Gauge("seglet_requests_in_progress", "Requests that arrive, wait or are answered.", **here)

    def text(self) -> bytes:
        """Returns all metrics as Prometheus reads them."""
        from prometheus_client import generate_latest

        return bytes(generate_latest(self.registry))


class Metered:
    """Middleware that counts and times requests; `paths` are those with rows of their own."""

    def __init__(
        self,
        app: Application,
        metrics: Metrics,
        paths: tuple[str, ...],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.app, self.metrics, self.paths, self.clock = app, metrics, paths, clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes the request on, and counts it under the status of its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, status, begin = (scope["path"] if scope["path"] in self.paths else _OTHER), 500, self.clock()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.metrics.present.track_inprogress():
            try:
                await self.app(scope, receive, sending)
            finally:
                self.metrics.latency.labels(path).observe(self.clock() - begin)
                self.metrics.requests.labels(path, status).inc()
                if status >= 400:
                    self.metrics.errors.labels(path, status).inc()
