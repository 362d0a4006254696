"""Segmentation of uploaded images, one at a time, with a limited number that wait. Axes: h rows, w columns."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from seglet.files import DataError
from seglet.images import TooLargeError, decode_image, open_picture, resize_by_factor
from seglet.inference.batch import failure_reason
from seglet.inference.depth import find_depth_source
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.predict import check_inference_options
from seglet.inference.segment import PredictedMaps, segment_image
from seglet.models.segmenter import Segmenter
from seglet.serving.limits import RequestError, ServiceLimits

_Made = TypeVar("_Made")
_RETRY = 1
"""Seconds after which a refused request may be repeated."""


class MaskService:
    """Segmentation of images by one network, as `seglet predict` does it with the same options.

    Raises:
        ValueError: the options are for another kind of network, or its depth is not known.
    """

    def __init__(self, model: Segmenter, options: InferenceOptions, limits: ServiceLimits) -> None:
        check_inference_options(model, options)
        self.model, self.options, self.limits = model, options, limits
        self._depths = find_depth_source(model, options.depth)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="segment")
        self._turn = asyncio.Lock()
        self._admitted = 0

    @contextlib.contextmanager
    def admission(self) -> Iterator[None]:
        """Counts a request while the context lasts, from before its image arrives.

        Raises:
            RequestError: so many wait that another one would only wait in vain (429).
        """
        if self._admitted > self.limits.waiting:
            raise RequestError(429, f"{self._admitted} requests are here already; send it again later", _RETRY)
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def in_turn(self, work: Callable[[], _Made], gone: Callable[[], Awaitable[bool]]) -> _Made | None:
        """Does the work in a thread when no other is done; None if the client has `gone` meanwhile.

        Raises:
            RequestError: its turn did not come in time (503), or the work raised it.
        """
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self._turn.acquire()
        except TimeoutError:
            waited = f"the server was busy for {self.limits.seconds:g} s; send it again later"
            raise RequestError(503, waited, _RETRY) from None
        try:
            if await gone():
                return None
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        finally:
            self._turn.release()

    def segment(self, content: bytes, file_name: str) -> PredictedMaps:
        """Segments the image of a file with this content; the name is for errors, and for depth from files.

        Raises:
            RequestError: it is no image of a known format (415), too large (413) or damaged (400).
        """
        name = PurePath(file_name.replace("\\", "/")).name or "image"
        image = self._decode(content, Path(name))
        try:
            scaled = resize_by_factor(image, self.options.resize)
            depth = None if self._depths is None else self._depths(scaled, Path(name).stem)
            return segment_image(self.model, image, SegmentOptions(inference=self.options), depth)
        except (ValueError, OSError, MemoryError, RuntimeError) as error:
            ran_out = not isinstance(error, ValueError | OSError)
            reason = failure_reason(error, "send a smaller image, or serve with --window, --resize or --max-pixels")
            raise RequestError(413 if ran_out else 400, reason) from error

    def _decode(self, content: bytes, path: Path) -> UInt8[np.ndarray, "h w 3"]:
        if not content:
            raise RequestError(400, "no image was sent; send its file as the body, or as `image` of a form")
        try:
            open_picture(content, path, self.limits.pixels)
        except TooLargeError as error:
            raise RequestError(413, str(error)) from error
        except DataError as error:
            raise RequestError(415, str(error)) from error
        try:
            return decode_image(content, path, self.limits.pixels)
        except DataError as error:
            raise RequestError(400, str(error)) from error
