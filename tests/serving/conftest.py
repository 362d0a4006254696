"""The REST server in this process: a small network with random weights behind a test client."""

import pytest
from tests.cli.conftest import images, model, seglet

__all__ = ["images", "model", "seglet"]

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="session")
def client(model):
    """A client that brings the token; an image may have 10 000 pixels and one megabyte."""
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(name, reason="serving needs the extra `serve`")
    pytest.importorskip("starlette.testclient", reason="the client of tests needs httpx")
    from starlette.testclient import TestClient

    from seglet.inference.options import InferenceOptions
    from seglet.models.segmenter import load
    from seglet.serving.limits import ServiceLimits
    from seglet.serving.server import checked_application
    from seglet.serving.service import MaskService
    from seglet.web.callers import HostNames

    service = MaskService(load(model), InferenceOptions(), ServiceLimits(megabytes=1, pixels=10_000))
    application = checked_application(service, HostNames(), TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    return TestClient(application, "http://127.0.0.1:8000", raise_server_exceptions=False, headers=bearer)
