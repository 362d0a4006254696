"""One segmenter predicts in several threads as it does alone, and is left as it was."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tests.models.tiny import tiny

from seglet.inference.evaluate import ScoringOptions, score_model
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.segment import segment_image
from seglet.models.network import evaluation_copy
from seglet.models.segmenter import Segmenter

_IMAGES = [np.random.default_rng(seed).integers(0, 256, (64 + 8 * seed, 72, 3), np.uint8) for seed in range(3)]


def _maps(segmenter: Segmenter, job: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns what one call gives: every second one samples, with a seed of its own."""
    found = segmenter.predict(_IMAGES[job % 3], samples=3 if job % 2 else 0, seed=job)
    return found.probabilities, found.uncertainty


def _same(one: tuple[np.ndarray, np.ndarray | None], other: tuple[np.ndarray, np.ndarray | None]) -> bool:
    return all(np.array_equal(a, b) if a is not None else b is None for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["deeplabv3-resnet18", "segformer-mit_b0", "ssss-resnet18"])
@pytest.mark.parametrize("training", [False, True])
def test_four_threads_give_what_each_call_gives_alone(name: str, training: bool) -> None:
    segmenter = tiny(name, drop_path=0.3).eval()
    alone = [_maps(segmenter, job) for job in range(12)]
    segmenter.train(training)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: _maps(segmenter, job), range(12)))
    assert all(_same(one, other) for one, other in zip(alone, together, strict=True))
    assert all(part.training == training for part in segmenter.modules())


def test_other_threads_may_switch_the_mode_and_score() -> None:
    segmenter = tiny().eval()
    pairs = [(image, image[..., 0] % 3) for image in _IMAGES[:1]]
    options = ScoringOptions(workers=0, progress=False)
    miou, alone = score_model(segmenter, pairs, "val", options, segmenter.classes).evaluation.miou, _maps(segmenter, 0)

    def disturb(job: int) -> bool:
        segmenter.train(bool(job % 2))
        if job % 3:
            return _same(_maps(segmenter, 0), alone)
        return score_model(segmenter, pairs, "val", options, segmenter.classes).evaluation.miou == miou

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(disturb, range(12)))


def test_windows_do_not_depend_on_the_mode() -> None:
    segmenter, options = tiny().eval(), SegmentOptions(inference=InferenceOptions(window=(48, 48)))
    alone = segment_image(segmenter, _IMAGES[0], options)
    found = segment_image(segmenter.train(), _IMAGES[0], options)
    np.testing.assert_array_equal(alone.confidence, found.confidence)
    assert segmenter.network.head.tail.dropout.training


def test_a_copy_shares_weights_and_has_modes_of_its_own() -> None:
    segmenter = tiny().train()
    own = evaluation_copy(segmenter)
    assert all(a is b for a, b in zip(segmenter.parameters(), own.parameters(), strict=True))
    assert all(a is b for a, b in zip(segmenter.buffers(), own.buffers(), strict=True))
    assert not any(part.training for part in own.modules())
    assert all(part.training for part in segmenter.modules())


def test_a_part_that_occurs_twice_is_copied_once() -> None:
    part = torch.nn.Linear(2, 2)
    own = evaluation_copy(torch.nn.ModuleList([part, torch.nn.Sequential(part)]))
    assert own[0] is own[1][0]
    assert own[0] is not part


def test_a_copys_hooks_are_its_own() -> None:
    segmenter = tiny("deeplabv3-resnet18")
    evaluation_copy(segmenter).network.register_forward_hook(lambda *_: None)
    assert len(segmenter.network._forward_hooks) == 0
