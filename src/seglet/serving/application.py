"""The REST server as a FastAPI application: its addresses, what they take, and what they answer."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from seglet._version import __version__
from seglet.images import mask_png
from seglet.inference.segment import PredictedMaps
from seglet.serving.answers import FoundClasses, Health, KnownClass, RequestProblem, found_classes, known_classes
from seglet.serving.documentation import documentation_page
from seglet.serving.limits import RequestError
from seglet.serving.metrics import Metrics
from seglet.serving.service import MaskService

PATHS = ("/predict", "/classes", "/health", "/metrics", "/docs", "/openapi.json")
"""Addresses that exist."""
_DESCRIPTION = 'Masks of images, by a network that seglet trained. Errors are JSON: `{"error": …}`.'
_IMAGE = {"type": "string", "format": "binary"}
_BODY: Mapping[str, Any] = {
    "description": "An image file (PNG, JPEG, BMP, GIF, WebP, TIFF, PPM), as the body itself or as `image` of a form.",
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _IMAGE},
        "multipart/form-data": {"schema": {"type": "object", "properties": {"image": _IMAGE}, "required": ["image"]}},
    },
}
_MEANINGS = {
    400: "the image is damaged or missing, or a parameter is wrong", 401: "the token is missing or wrong",
    403: "a page of another site asked", 408: "the image took too long to arrive",
    413: "the image has too many bytes or pixels", 415: "this is no image of a known format",
    421: "the server does not know this host name", 429: "too many requests wait", 500: "a bug in seglet",
    503: "the turn of the request did not come in time",
}  # fmt: skip


def build_application(service: MaskService, metrics: Metrics) -> Any:
    """Returns the application; whom it answers is checked by `AccessCheck` around it."""
    from fastapi import FastAPI, Response
    from fastapi.responses import HTMLResponse, PlainTextResponse

    async def classes() -> list[KnownClass]:
        """Lists the classes of the network: their ids in masks, names and colours."""
        return known_classes(service.model.classes)

    async def health() -> Health:
        """Says that the server is up and its network loaded."""
        return Health("ok")

    async def measured() -> Response:
        """Gives the metrics in Prometheus' text format."""
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def documentation() -> Response:
        """Gives this documentation as a page."""
        return HTMLResponse(documentation_page(app.openapi()))

    app = FastAPI(
        title="seglet serve", version=__version__, description=_DESCRIPTION, docs_url=None, redoc_url=None,
        exception_handlers=_handlers(), responses={"default": {"model": RequestProblem, "description": "An error."}},
    )  # fmt: skip
    png = {"content": {"image/png": {"schema": _IMAGE}}, "model": FoundClasses, "description": "The mask or classes."}
    errors = {status: {"model": RequestProblem, "description": meaning} for status, meaning in _MEANINGS.items()}
    app.add_api_route(
        "/predict", _predict_endpoint(service, metrics), methods=["POST"], response_model=None,
        responses={200: png, **errors}, response_class=Response, openapi_extra={"requestBody": _BODY},
    )  # fmt: skip
    app.add_api_route("/classes", classes, methods=["GET"], response_model=list[KnownClass])
    app.add_api_route("/health", health, methods=["GET"], response_model=Health)
    app.add_api_route("/metrics", measured, methods=["GET"], response_class=PlainTextResponse, response_model=None)
    app.add_api_route("/docs", documentation, methods=["GET"], response_class=HTMLResponse, response_model=None)
    return app


def _predict_endpoint(service: MaskService, metrics: Metrics) -> Callable[..., Any]:
    """Returns the function behind /predict, whose signature FastAPI reads."""
    from fastapi import Query, Request, Response
    from fastapi.responses import JSONResponse

    async def predict(
        request: Request,
        answer: Annotated[
            Literal["png", "json"], Query(alias="format", description="a mask, or the classes with their shares")
        ] = "png",
        polygons: Annotated[bool, Query(description="with format=json: also the outlines of the classes")] = False,
    ) -> Response:
        """Segments an image: a palette PNG with one class id per pixel (255 is void), or the classes found."""

        def work() -> Response:
            begin = time.perf_counter()
            found = service.segment(content, name)
            metrics.prediction.observe(time.perf_counter() - begin)
            metrics.pixels.inc(found.labels.size)
            return _answer(found)

        def _answer(found: PredictedMaps) -> Response:
            classes = service.model.classes
            if answer == "json":
                return JSONResponse(asdict(found_classes(found, classes, polygons)))
            return Response(mask_png(found.labels, classes), media_type="image/png")

        if polygons and answer != "json":
            raise RequestError(400, "polygons are part of the JSON answer; add format=json, or leave them out")
        with service.admission():
            content, name = await _read_image(request)
            made = await service.in_turn(work, request.is_disconnected)
        return made or Response(status_code=499)  # nobody reads it; nginx' number for a client that has gone

    return predict


async def _read_image(request: Any) -> tuple[bytes, str]:
    """Returns the content and the file name of the image of a request; other fields of a form are not read.

    Raises:
        RequestError: a form has not one image.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.body(), "image"
    async with request.form(max_files=1, max_fields=8) as form:
        image = form.get("image")
        if image is None:
            raise RequestError(400, f"a form needs the file `image`; got {', '.join(sorted(form)) or 'no field'}")
        if isinstance(image, str):
            raise RequestError(400, "the field `image` holds text; send a file, as `curl -F image=@FILE` does")
        return await image.read(), image.filename or "image"


def _handlers() -> dict[Any, Any]:
    """Returns how errors are answered: as JSON, with one line."""
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    def problem(status: int, reason: str, retry: int | None = None) -> Any:
        headers = None if retry is None else {"Retry-After": str(retry)}
        return JSONResponse({"error": reason}, status, headers)

    async def refused(request: Any, error: Any) -> Any:
        return problem(error.status, str(error), error.retry)

    async def invalid(request: Any, error: Any) -> Any:
        wrong = "; ".join(f"{one['loc'][-1]}: {one['msg']}, got {one.get('input')!r}" for one in error.errors())
        return problem(400, wrong)

    async def unknown(request: Any, error: Any) -> Any:
        here = f"; there are {', '.join(PATHS)}" if error.status_code == 404 else ""
        return problem(error.status_code, f"{error.detail}{here}")

    async def gone(request: Any, error: Any) -> Any:
        return Response(status_code=499)

    async def bug(request: Any, error: Any) -> Any:
        return problem(500, "this is a bug in seglet; the server's log has more")

    return {
        RequestError: refused, RequestValidationError: invalid, HTTPException: unknown, ClientDisconnect: gone,
        Exception: bug,
    }  # fmt: skip
