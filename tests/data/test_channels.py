"""Data sets of measured channels, from the check to a sample."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglet.data.augment import Augmentation, ColourJitter, augmented_view
from seglet.data.checking.channel_facts import measure_channels
from seglet.data.checking.check import check_dataset
from seglet.data.checking.rules import MaskRules
from seglet.data.errors import DataError
from seglet.data.folder_dataset import open_folder, save_description

rasterio = pytest.importorskip("rasterio", reason="the extra seglet[geo] is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

NAMES = ("red", "nir")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of 16 bits and two bands: 1000 and 3000 in the left and the right half; no data in one corner."""
    for name in ("a", "b"):
        values = np.full((2, 40, 40), 1000, np.uint16)
        values[:, :, 20:] = 3000
        values[1] *= 2
        values[:, :4, :4] = 0
        (tmp_path / "images").mkdir(exist_ok=True)
        with rasterio.open(tmp_path / f"images/{name}.tif", "w", driver="GTiff", height=40, width=40, count=2,
                           dtype="uint16", nodata=0) as file:  # fmt: skip
            file.write(values)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray((values[0] == 3000).astype(np.uint8)).save(tmp_path / f"masks/{name}.png")
    (tmp_path / "classes.txt").write_text("0 low\n1 high\n")
    return tmp_path


def check(folder: Path, names: tuple[str, ...] = NAMES):
    return check_dataset(folder, rules=MaskRules(channels=names))


def test_statistics_are_those_of_the_stored_values_that_are_there(folder):
    red, nir = check(folder).require_ok().channels
    count = 40 * 40 - 16
    mean = (1000 * (800 - 16) + 3000 * 800) / count
    assert (red.mean, nir.mean) == (pytest.approx(mean), pytest.approx(2 * mean))
    assert red.std == pytest.approx((1000**2 - (mean - 2000) ** 2) ** 0.5)
    assert (red.low, red.high) == (1000, 3000)


def test_samples_hold_stored_values_and_void_where_there_are_none(folder):
    save_description(check(folder).require_ok(), folder)
    data = open_folder(str(folder), "all")
    sample = data[0]
    assert (sample.image.dtype, sample.image[10, 30].tolist()) == (np.float32, [3000, 6000])
    assert sample.image[0, 0].tolist() == [pytest.approx(one.mean) for one in data.channels]
    assert (sample.labels[0, 0], sample.labels[10, 0], sample.labels[10, 30]) == (255, 0, 1)


def test_an_image_with_another_number_of_channels_is_an_error(folder):
    found = check(folder, (*NAMES, "swir"))
    assert [problem.severity for problem in found.problems][:2] == ["error", "error"]
    assert "has 2 channels, expected 3 (red, nir, swir)" in str(found.errors[0])


def test_views_move_channels_and_change_no_value(folder):
    save_description(check(folder).require_ok(), folder)
    sample = open_folder(str(folder), "all")[0]
    view = augmented_view(sample, Augmentation(crop=(32, 32), scale=(1, 1)), np.random.default_rng(0))
    assert set(view.image[0].unique().tolist()) <= set(np.unique(sample.image[..., 0]).tolist())
    with pytest.raises(DataError, match="measured channels, not colours"):
        augmented_view(sample, Augmentation(crop=(32, 32), jitter=ColourJitter(0.3)), np.random.default_rng(0))


def test_a_small_deviation_beside_a_large_mean_is_found_over_strips(tmp_path):
    values = np.full((1, 1500, 4), 1e9)
    values[:, ::2] += 1  # the strips of 1024 rows are merged
    file = tmp_path / "a.tif"
    with rasterio.open(file, "w", driver="GTiff", height=1500, width=4, count=1, dtype="float64") as out:
        out.write(values)
    [height] = measure_channels([file], ["height"])
    assert (height.mean, height.std) == (pytest.approx(1e9 + 0.5, abs=1e-3), pytest.approx(0.5, abs=1e-3))
