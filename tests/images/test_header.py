"""What a reader passes over: pages, orientation, bands."""

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import save
from tests.images.deep_files import write_png16, write_tiff

from seglet.images import ImageHeader, image_size, read_header

PLAIN = ImageHeader()


def header(path):
    return read_header(path.read_bytes())


@pytest.mark.parametrize("kind", ["tif", "gif", "png", "webp"])
def test_pages_and_frames_are_counted(tmp_path, kind):
    first, *others = (Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 100, 200))
    first.save(tmp_path / f"a.{kind}", save_all=True, append_images=others)
    assert header(tmp_path / f"a.{kind}").pages == 3


def test_smaller_copies_within_a_tiff_are_no_pages(tmp_path):
    pages = [Image.new("L", (side, side)) for side in (8, 4)]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert header(tmp_path / "a.tif") == PLAIN


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp"])
def test_an_orientation_is_seen_and_the_size_is_that_of_the_upright_image(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 3)).save(tmp_path / f"a.{kind}", exif=exif)
    assert header(tmp_path / f"a.{kind}").turned
    assert image_size(tmp_path / f"a.{kind}") == (5, 3)


@pytest.mark.parametrize(
    ("mode", "name"), [("RGBA", "RGBA (red, green, blue and alpha)"), ("LA", "LA (grey and alpha)"), ("RGB", ""),
                       ("L", ""), ("P", "")],
)  # fmt: skip
def test_bands_beside_colours_are_named(tmp_path, mode, name):
    Image.new(mode, (4, 4)).save(tmp_path / "a.png")
    assert header(tmp_path / "a.png").bands == name


def test_cmyk_transparent_palettes_and_bands_beyond_colours_are_named(tmp_path):
    Image.new("CMYK", (4, 4)).save(tmp_path / "a.jpg")
    assert header(tmp_path / "a.jpg").bands == "CMYK (cyan, magenta, yellow and black)"
    Image.new("P", (4, 4)).save(tmp_path / "b.png", transparency=0)
    assert header(tmp_path / "b.png").bands == "palette with transparency"
    for bands in (4, 5, 6):
        assert header(write_tiff(tmp_path / "c.tif", np.zeros((2, 2, bands), np.uint8))).bands == f"{bands} bands"
    assert header(write_png16(tmp_path / "d.png", np.zeros((2, 2, 2)))).bands == "LA (grey and alpha)"


def test_a_plain_image_has_nothing_to_tell(tmp_path):
    assert header(save(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))) == PLAIN
