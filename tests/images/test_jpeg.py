"""JPEG decoded without Pillow gives what Pillow gives."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglet.files import DataError
from seglet.images import decode_image
from seglet.images.jpeg import decoded_jpeg

pytest.importorskip("simplejpeg", reason="the extra `fast` is not installed")
DATA = Path(os.environ.get("SEGLET_DATA", Path(__file__).parents[3] / "shared/data"))


def jpeg(mode="RGB", size=(37, 50), **options):
    noise = np.random.default_rng(0).normal(size=(9, 12, 4)).cumsum(axis=1)
    colours = Image.fromarray(np.uint8(np.clip(noise * 40 + 128, 0, 255))[..., :3]).resize(
        size, Image.Resampling.BICUBIC
    )
    file = io.BytesIO()
    colours.convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def by_pillow(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


SORTS = [{"subsampling": s, "quality": q, "progressive": p} for s in (0, 1, 2) for q in (30, 95) for p in (False, True)]


@pytest.mark.parametrize("options", SORTS, ids=str)
def test_every_sort_has_the_same_bytes(options):
    content = jpeg(**options)
    found = decoded_jpeg(content, Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(found, by_pillow(content))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_channels_are_left_to_pillow(mode):
    content = jpeg(mode)
    assert decoded_jpeg(content, Image.open(io.BytesIO(content))) is None
    np.testing.assert_array_equal(decode_image(content, Path("x.jpg")), by_pillow(content))


def test_a_turned_image_comes_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(jpeg(exif=exif), Path("x.jpg")).shape == (37, 50, 3)


def test_a_file_cut_short_is_refused_as_ever():
    with pytest.raises(DataError, match="is damaged"):
        decode_image(jpeg(size=(200, 200))[:-900], Path("x.jpg"))


def test_real_images_have_the_same_bytes():
    files = sorted((DATA / "voc12_animals/images/train").glob("*.jpg"))[:40]
    if not files:
        pytest.skip("there are no real images here")
    for file in files:
        content = file.read_bytes()
        np.testing.assert_array_equal(decode_image(content, file), by_pillow(content))
