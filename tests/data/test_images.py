import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import mask, save, write_image

from seglet.data.checking.file_facts import image_facts
from seglet.data.errors import DataError
from seglet.images import TooLargeError, image_size, read_image, read_mask, write_mask
from seglet.types import IGNORE, Classes

CLASSES = Classes(("road", "car"), ((10, 20, 30), (40, 50, 60)))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    path = save(tmp_path / "grey.png", np.array([[0, 257, 65535]], np.uint16))
    assert read_image(path)[0, :, 0].tolist() == [0, 1, 255]


def test_one_bit_becomes_black_and_white(tmp_path):
    path = save(tmp_path / "a.png", np.array([[False, True]]))
    assert read_image(path).tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert read_mask(path).tolist() == [[0, 1]]


def test_transparency_is_dropped(tmp_path):
    path = save(tmp_path / "a.png", np.array([[[200, 0, 100, 0]]], np.uint8))
    assert read_image(path).tolist() == [[[200, 0, 100]]]


def test_exif_orientation_turns_images_and_leaves_masks(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (5, 3)).save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png").shape == (5, 3, 3)
    assert image_size(tmp_path / "a.png") == (5, 3)
    assert read_mask(tmp_path / "a.png").shape == (3, 5)


def test_the_pixel_limit_holds_for_images_and_masks(tmp_path):
    path = write_image(tmp_path / "a.png")
    for read in (read_image, read_mask, image_size):
        with pytest.raises(DataError, match=r"8x6, beyond the limit of 47 pixels"):
            read(path, max_pixels=47)


def huge(path):
    """A PNG whose header states 30000 x 20000 pixels, more than Pillow opens; it has the pixels of a small one."""
    content = bytearray(write_image(path).read_bytes())
    content[16:24] = struct.pack(">II", 30000, 20000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    return path


def test_the_limit_alone_decides_and_not_that_of_pillow(tmp_path):
    path = huge(tmp_path / "a.png")
    assert image_size(path, max_pixels=600_000_000) == (20000, 30000)
    with pytest.raises(TooLargeError, match="30000x20000, beyond the limit of 599999999 pixels; shrink it or cut"):
        image_size(path, max_pixels=599_999_999)


def test_an_image_too_large_names_the_option_that_allows_it(tmp_path):
    with pytest.raises(TooLargeError) as found:
        read_image(huge(tmp_path / "a.png"))
    assert str(found.value.with_cure("--most {}")).endswith("or allow its size with --most 600000000")
    assert (
        "`seglet data check DIR --max-pixels 600000000`"
        in image_facts((tmp_path / "a.png").read_bytes(), "", tmp_path / "a.png", 10).error
    )


def test_an_image_that_changed_is_refused(tmp_path):
    with pytest.raises(DataError, match="changed since"):
        read_image(write_image(tmp_path / "a.png"), expected_hash="0" * 32)


@pytest.mark.parametrize("depth", [2, 4])
def test_grey_ids_of_few_bits_are_not_stretched(tmp_path, depth):
    path = tmp_path / "a.png"
    path.write_bytes(_few_bits([0, 1, 3], depth))
    assert read_mask(path).tolist() == [[0, 1, 3]]


def test_a_palette_mask_gives_ids(tmp_path):
    write_mask(tmp_path / "a.png", np.array([[0, 1, IGNORE]], np.uint8), CLASSES)
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 1, IGNORE]]
    assert read_image(tmp_path / "a.png").tolist() == [[[10, 20, 30], [40, 50, 60], [255, 255, 255]]]


def test_a_written_mask_leaves_nothing_else(tmp_path):
    write_mask(tmp_path / "new" / "a.png", np.zeros((2, 2), np.uint8), CLASSES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


@pytest.mark.usefixtures("unchecked")
def test_wide_labels_are_not_written(tmp_path):
    with pytest.raises(DataError, match="uint8"):
        write_mask(tmp_path / "a.png", np.zeros((2, 2), np.int64), CLASSES)


def test_a_mask_with_alpha_is_read_only_if_opaque(tmp_path):
    colours = np.full((1, 2, 4), 255, np.uint8)
    assert read_mask(save(tmp_path / "a.png", colours)).shape == (1, 2, 3)
    colours[0, 0, 3] = 0
    with pytest.raises(DataError, match="partly transparent"):
        read_mask(save(tmp_path / "b.png", colours))


def test_a_mask_of_floats_is_refused(tmp_path):
    with pytest.raises(DataError, match="mode F"):
        read_mask(save(tmp_path / "a.tiff", np.zeros((2, 2), np.float32)))


def test_formats_that_start_other_programs_are_not_opened(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n")
    with pytest.raises(DataError, match="not a readable image"):
        read_image(tmp_path / "a.png")


def test_a_cameras_raw_file_is_refused_though_its_preview_would_open(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.dng", "TIFF")
    with pytest.raises(DataError, match="raw file; develop it: seglet data develop"):
        read_image(tmp_path / "a.dng")


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.png")
    for name, what in (("folder", "is a folder"), ("link", "links to"), ("pipe", "not a regular"), ("no", "not exist")):
        with pytest.raises(DataError, match=what):
            read_image(tmp_path / f"{name}.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path):
    mask(tmp_path / "a.png", 0).chmod(0)
    with pytest.raises(DataError, match="permissions"):
        read_mask(tmp_path / "a.png")


def test_any_cut_of_an_image_is_an_error_and_never_grey(tmp_path):
    content = write_image(tmp_path / "a.jpg", size=(16, 16)).read_bytes()
    for length in range(0, len(content) - 2, 7):
        (tmp_path / "cut.jpg").write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut\.jpg"):
            read_image(tmp_path / "cut.jpg")


def _few_bits(values: list[int], depth: int) -> bytes:
    """A grey PNG of one row with `depth` bits a pixel, which Pillow reads but does not write."""
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = b"\0" + int(bits.ljust(16, "0"), 2).to_bytes(2)
    header = len(values).to_bytes(4) + (1).to_bytes(4) + bytes([depth, 0, 0, 0, 0])
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4) for kind, body in chunks
    )
