"""Depth maps that somebody made."""

import hashlib
import io

import numpy as np
import pytest
from numpy.lib import format as npy
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


def test_open_exr_is_answered_with_the_formats_that_keep_its_numbers(tmp_path):
    (tmp_path / "a.exr").write_bytes(b"\x76\x2f\x31\x01\x02")
    with pytest.raises(
        DataError, match=r"no depth maps; .* 1 .exr files are there: save their numbers as .npy or .pfm"
    ):
        DepthFiles(tmp_path).read("a", (2, 2))
    (tmp_path / "b.png").write_bytes(b"\x76\x2f\x31\x01\x02")
    with pytest.raises(DataError, match=r"b.png' is OpenEXR, which is not read; save its numbers as an array"):
        DepthFiles(tmp_path).read("b", (2, 2))


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
    with pytest.raises(DataError, match="not a readable image"):
        files.read("torn", (2, 2))


def test_depth_is_given_at_the_size_of_its_image():
    image = np.zeros((4, 6, 3), np.uint8)
    assert depth_plane(Sample("a", image, None)) is None
    plane = depth_plane(Sample("a", image, None, columns={"depth": np.ones((2, 3), np.float16)}))
    assert plane is not None
    assert (plane.shape, plane.min(), plane.dtype) == ((4, 6), 1, np.float32)


def test_floats_of_other_tools_and_jpeg_are_read_too(tmp_path):
    np.savez(tmp_path / "archive.npz", depth=RAMP.astype(np.float32))
    (tmp_path / "map.pfm").write_bytes(b"Pf\n2 2\n-1\n" + RAMP[::-1].astype("<f4").tobytes())
    Image.fromarray(np.repeat(np.repeat(RAMP, 8, 0), 8, 1)).convert("RGB").save(tmp_path / "photo.jpg", quality=95)
    files = DepthFiles(tmp_path)
    for name in ("archive", "map"):
        np.testing.assert_allclose(files.read(name, (4, 4)), [[0, 0.25], [0.5, 1]], atol=1e-6)
    np.testing.assert_allclose(files.read("photo", (16, 16))[::8, ::8], [[0, 0.25], [0.5, 1]], atol=0.02)


def test_the_colours_of_a_colour_map_are_no_depth(tmp_path):
    warm = np.zeros((4, 4, 3), np.uint8)
    warm[:2], warm[2:] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(warm).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="a depth map in colours, which have no order"):
        DepthFiles(tmp_path).read("a", (4, 4))


def test_missing_depth_takes_the_median_of_the_rest(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0.0, 1.0, 2.0, 5.0]]))
    assert DepthFiles(tmp_path, invalid=0).read("a", (1, 4)).tolist() == [[0.25, 0.0, 0.25, 1.0]]
    np.testing.assert_allclose(DepthFiles(tmp_path).read("a", (1, 4)), [[0.0, 0.2, 0.4, 1.0]], atol=1e-6)
    np.save(tmp_path / "b.npy", np.zeros((2, 2)))
    assert not DepthFiles(tmp_path, invalid=0).read("b", (2, 2)).any()


def test_a_depth_map_never_starts_another_program_or_takes_all_memory(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match="not a readable image; expected one of PNG"):
        DepthFiles(tmp_path).read("a", (9, 9))
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (100_000, 100_000)})
    (tmp_path / "b.npy").write_bytes(file.getvalue())
    with pytest.raises(DataError, match="100000x100000, beyond the limit of 64000000 pixels"):
        DepthFiles(tmp_path).read("b", (9, 9))
