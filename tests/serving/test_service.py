"""Requests that wait for their turn, and the JSON of a segmentation worked out by hand."""

import asyncio
import threading

import numpy as np
import pytest

from seglet.inference.options import InferenceOptions
from seglet.inference.segment import PredictedMaps
from seglet.models.segmenter import load
from seglet.serving import answers
from seglet.serving.answers import FoundClass, found_classes
from seglet.serving.limits import RequestError, ServiceLimits
from seglet.serving.service import MaskService
from seglet.types import Classes

CLASSES = Classes(("background", "cat"), ((0, 0, 0), (255, 0, 0)))


async def here():
    return False


async def left():
    return True


def service_of(model, **limits):
    return MaskService(load(model), InferenceOptions(), ServiceLimits(**limits))


def test_as_many_are_admitted_as_may_wait_and_one_more(model):
    service = service_of(model, waiting=1)
    full = pytest.raises(RequestError, match="2 requests are here already")
    with service.admission(), service.admission(), full as refused, service.admission():
        pass
    assert (refused.value.status, refused.value.retry) == (429, 1)
    with service.admission():
        pass


def test_a_turn_that_does_not_come_in_time_is_refused_and_the_next_one_comes(model):
    service, end = service_of(model, seconds=0.05), threading.Event()

    async def three():
        first = asyncio.create_task(service.in_turn(end.wait, here))
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match=r"busy for 0.05 s") as refused:
            await service.in_turn(lambda: 2, here)
        end.set()
        return await first, refused.value.status, await service.in_turn(lambda: 3, here)

    assert asyncio.run(three()) == (True, 503, 3)


def test_nothing_is_computed_for_a_client_that_has_gone(model):
    assert asyncio.run(service_of(model).in_turn(lambda: 1, left)) is None


def test_memory_that_ran_out_is_an_image_that_is_too_large(model, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("seglet.serving.service.segment_image", full)
    with pytest.raises(RequestError, match="memory ran out; send a smaller image") as refused:
        service_of(model).segment(b"P6 1 1 255\nabc", "a.ppm")
    assert refused.value.status == 413


def test_classes_come_with_share_confidence_and_outline():
    labels = np.array([[1, 1, 255, 0]], np.uint8)
    confidence = np.array([[0.5, 0.75, 0.25, 1.0]])
    found = found_classes(PredictedMaps(labels, confidence), CLASSES, True)
    cat = FoundClass(1, "cat", 0.5, 0.625, [[[0, 0], [2, 0], [2, 1], [0, 1]]])
    assert found.classes == [cat, FoundClass(0, "background", 0.25, 1.0)]
    assert (found.height, found.width, found.void, found.mean_confidence) == (1, 4, 0.25, 0.625)


def test_outlines_that_would_never_end_are_refused(monkeypatch):
    monkeypatch.setattr(answers, "_MOST_SIDES", 23)
    board = np.indices((4, 4)).sum(axis=0, dtype=np.uint8) % np.uint8(2)
    with pytest.raises(RequestError, match="the outlines have 24 sides"):
        found_classes(PredictedMaps(board, np.ones((4, 4))), CLASSES, True)
