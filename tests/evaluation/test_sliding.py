import numpy as np
import pytest
import torch
from benchmarks._memory import LiveBytes
from benchmarks.sliding import plain

from seglet.evaluation.inference import nearest_multiple, predict_labels, predict_logits
from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.sliding import sliding_bands, window_spans


def texture(images: torch.Tensor) -> torch.Tensor:
    """Logits of 21 classes that depend on the place within the window, so that averaging matters."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(21, 3, 1, 1, generator=generator)
    return torch.nn.functional.conv2d(images, mix) * (1 + torch.arange(images.shape[-1]) / images.shape[-1])


def random_image(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.golden("semi", "protocol")
@pytest.mark.parametrize(("axis", "length"), [("rows", "H"), ("cols", "W")])
def test_windows_are_where_each_protocol_puts_them(case: dict[str, np.ndarray], axis: str, length: str) -> None:
    size = int(case[length])
    for name, ragged in (("v1", True), ("v2", False)):
        grid = int(case[f"{name}_grid"])
        step = EvaluationOptions(window=(grid, grid)).steps[0]
        assert window_spans(size, grid, step, ragged) == list(map(tuple, case[f"{name}_{axis}"]))
    assert window_spans(size, int(case["mm_crop"]), int(case["mm_stride"])) == list(map(tuple, case[f"mm_{axis}"]))


@pytest.mark.golden("semi", "protocol")
def test_multiples_are_those_nearest(case: dict[str, np.ndarray]) -> None:
    multiples = [int(name.removeprefix("round")) for name in case if name.startswith("round")]
    assert multiples
    for multiple in multiples:
        sizes = [nearest_multiple(int(case[side]), multiple) for side in "HW"]
        assert sizes == case[f"round{multiple}"].tolist()


def test_a_window_larger_than_the_image_is_the_image() -> None:
    assert window_spans(5, 8, 4) == [(0, 5)]
    images, options = random_image(5, 6), EvaluationOptions(window=(8, 8))
    assert torch.equal(predict_logits(texture, images, options), texture(images))


@pytest.mark.parametrize("size", [(300, 256), (257, 700), (256, 256), (1000, 260)])
def test_rolling_bands_equal_the_plain_sum_over_the_whole_image(size: tuple[int, int]) -> None:
    images, options = random_image(*size, batch=2), EvaluationOptions(window=(256, 256))
    assert torch.equal(predict_labels(texture, images, options=options).labels, plain(texture, images, options))


def test_ragged_windows_cover_every_pixel_too() -> None:
    options = EvaluationOptions(window=(10, 10), stride=(6, 6), tail="ragged")
    images = random_image(23, 16)
    constant = predict_logits(lambda view: torch.ones(1, 2, *view.shape[-2:]), images, options)
    assert torch.equal(constant, torch.ones(1, 2, 23, 16))


def test_a_network_of_lower_resolution_is_resampled_to_each_window() -> None:
    options = EvaluationOptions(window=(16, 16))
    assert predict_logits(lambda view: view[:, :2, ::4, ::4], random_image(40, 30), options).shape == (1, 2, 40, 30)


def test_bands_are_never_higher_than_the_window() -> None:
    images, options = random_image(500, 40), EvaluationOptions(window=(32, 32))
    found = [(band.top, band.logits.shape[2]) for band in sliding_bands(texture, images, options)]
    assert sum(height for _, height in found) == 500
    assert max(height for _, height in found) <= 32
    assert [top for top, _ in found] == [0, *torch.tensor([h for _, h in found]).cumsum(0).tolist()[:-1]]


def test_logits_of_the_whole_image_never_exist() -> None:
    options, peaks = EvaluationOptions(window=(64, 64)), []
    for height in (512, 4096):
        images = random_image(height, 64)
        with LiveBytes() as memory:
            predict_labels(texture, images, options=options)
        peaks.append(memory.peak - 5 * height * 64)  # a byte and a float32 a pixel are the result
    assert peaks[1] < peaks[0] + 3e4  # one more float for each row, none for each class


def test_gaps_between_windows_are_an_error() -> None:
    with pytest.raises(ValueError, match="pixels are skipped"):
        EvaluationOptions(window=(8, 8), stride=(9, 4))
    with pytest.raises(ValueError, match="set `window` too"):
        EvaluationOptions(stride=(9, 4))
