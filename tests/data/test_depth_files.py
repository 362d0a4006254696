"""Depth maps that somebody made."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from seglet.data.columns.depth import DepthFiles, depth_plane
from seglet.data.dataset import Sample
from seglet.data.errors import DataError

RAMP = np.array([[0, 50], [100, 200]], np.uint8)


def test_grey_colour_sixteen_bits_and_arrays_give_the_same_depth(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "grey_depth.png")
    Image.fromarray(np.repeat(RAMP[..., None], 3, axis=2)).save(tmp_path / "colour.png")
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.save(tmp_path / "array.npy", RAMP.astype(np.float64) / 7)
    files = DepthFiles(tmp_path)
    for name in ("grey", "colour", "deep", "array", "any/folder/grey"):
        np.testing.assert_allclose(files.read(name, (4, 4)), [[0, 0.25], [0.5, 1]], atol=1e-6)


def test_what_is_equally_far_everywhere_is_zero(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 2), 7.0))
    assert not DepthFiles(tmp_path).read("a", (2, 2)).any()


def test_a_map_belongs_to_the_image_in_its_folder(tmp_path):
    for folder, values in (("cam1", RAMP), ("cam2", RAMP[::-1])):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "0.npy", values)
    files = DepthFiles(tmp_path)
    assert files.read("cam1/0", (2, 2))[0].tolist() == [0, 0.25]
    assert files.read("cam2/0", (2, 2))[0].tolist() == [0.5, 1]
    for name, why in (("0", "no depth map of '0' alone"), ("cam3/0", "no depth map of 'cam3/0' in")):
        with pytest.raises(DataError, match=why):
            files.read(name, (2, 2))


def test_a_map_is_of_one_image_and_an_image_has_one_map(tmp_path):
    np.save(tmp_path / "0.npy", RAMP)
    np.save(tmp_path / "1.npy", RAMP)
    Image.fromarray(RAMP).save(tmp_path / "1_depth.png")
    files = DepthFiles(tmp_path)
    files.read("cam1/0", (2, 2))
    with pytest.raises(DataError, match="could be of 'cam1/0' and of 'cam2/0'"):
        files.read("cam2/0", (2, 2))
    with pytest.raises(DataError, match=r"'.*1.npy', '.*1_depth.png' have its name"):
        files.read("1", (2, 2))


def test_the_hash_of_a_folder_is_that_of_earlier_versions(tmp_path):
    for name in ("a.npy", "b/c.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, RAMP)
    one = hashlib.sha256((tmp_path / "a.npy").read_bytes()).hexdigest()
    lines = "".join(f"{name} {one}\n" for name in ("a", "b/c", "c"))
    assert DepthFiles(tmp_path).content() == hashlib.sha256(lines.encode()).hexdigest()


def test_the_content_is_what_identifies_a_folder(tmp_path):
    np.save(tmp_path / "a.npy", RAMP)
    before = DepthFiles(tmp_path).content()
    assert DepthFiles(tmp_path).content() == before
    np.save(tmp_path / "a.npy", RAMP + 1)
    assert DepthFiles(tmp_path).content() != before


def test_maps_that_are_missing_damaged_or_of_other_proportions_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no depth maps"):
        DepthFiles(tmp_path).read("a", (2, 2))
    np.save(tmp_path / "a.npy", RAMP)
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan))
    (tmp_path / "torn.png").write_bytes(b"no image")
    files = DepthFiles(tmp_path)
    with pytest.raises(DataError, match=r"no depth map of 'b' in .*; expected b.png or b_depth.png"):
        files.read("b", (2, 2))
    with pytest.raises(DataError, match="is 2x2, but image 'a' is 30x10: other proportions"):
        files.read("a", (10, 30))
    with pytest.raises(DataError, match="is no depth map: expected finite numbers"):
        files.read("nan", (2, 2))
    with pytest.raises(DataError, match="cannot be read as depth"):
        files.read("torn", (2, 2))


def test_depth_is_given_at_the_size_of_its_image():
    image = np.zeros((4, 6, 3), np.uint8)
    assert depth_plane(Sample("a", image, None)) is None
    plane = depth_plane(Sample("a", image, None, columns={"depth": np.ones((2, 3), np.float16)}))
    assert plane is not None
    assert (plane.shape, plane.min(), plane.dtype) == ((4, 6), 1, np.float32)
