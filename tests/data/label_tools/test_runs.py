"""Run lengths, beside what the tools' own packages write."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from seglet.data.label_tools.runs import (
    brush_runs,
    coco_runs,
    compress_runs,
    cvat_runs,
    from_brush_runs,
    from_cvat_runs,
)
from seglet.data.layouts.rasterise import rasterise_segmentation, uncompress_runs

GOLDEN = json.loads((Path(__file__).parent / "golden/runs.json").read_text())
masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


def mask(case):
    if "mask" in case:
        return np.array(case["mask"], np.bool_)
    inside, (top, left, bottom, right) = np.zeros(case["size"], np.bool_), case["box"]
    inside[top:bottom, left:right] = True
    return inside


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN)
def test_we_write_what_the_tools_write(case):
    assert coco_runs(mask(case))["counts"] == case["coco"]
    assert brush_runs(mask(case)) == case["label_studio"]


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN)
def test_we_read_what_the_tools_write(case):
    np.testing.assert_array_equal(from_brush_runs(case["label_studio"], mask(case).shape), mask(case))


@given(masks)
def test_every_mask_comes_back(inside):
    np.testing.assert_array_equal(rasterise_segmentation(coco_runs(inside), inside.shape), inside)
    np.testing.assert_array_equal(from_brush_runs(brush_runs(inside), inside.shape), inside)
    if inside.any():
        np.testing.assert_array_equal(from_cvat_runs(cvat_runs(inside), inside.shape), inside)


def test_compressed_numbers_may_be_large_and_shrink():
    lengths = [0, 70000, 3, 1, 16, 31, 32, 0]
    assert uncompress_runs(compress_runs(lengths)) == lengths


def test_single_numbers_are_read_as_label_studio_writes_them():
    bits = f"{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "0" + "00" + f"{7:03b}" + ("0" * 8) * 7 + "1" * 8
    packed = [int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8)]
    assert from_brush_runs(packed, (1, 2)).tolist() == [[False, True]]


@pytest.mark.parametrize("bad", [[], [0, 0, 0, 8], [300], [0, 0, 0, 99, 57, 27, 254]])
def test_what_is_cut_off_or_foreign_is_refused(bad):
    with pytest.raises(ValueError, match="packed mask"):
        from_brush_runs(bad, (1, 2))


def test_a_mask_outside_its_image_is_refused():
    with pytest.raises(ValueError, match="outside the image"):
        from_cvat_runs({"rle": "0, 4", "left": "4", "top": "0", "width": "2", "height": "2"}, (3, 5))
