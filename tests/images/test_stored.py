"""Every bit of an image of more than 8 bits a channel is read, in a file as in memory."""

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import save
from tests.images.deep_files import write_png16, write_tiff

from seglet.files import DataError
from seglet.images import WhiteLevels, picture_colours, read_image, read_mask

COLOURS = np.random.default_rng(0).integers(0, 4096, (5, 7, 4), dtype=np.uint16)  # 12 bits of 16
BYTES = np.rint(COLOURS * (255 / 4095)).astype(np.uint8)


def both(path):
    """The image as read from its file, and as Pillow opened it, which must be equal."""
    read = read_image(path)
    with Image.open(path) as picture:
        assert (picture_colours(picture) == read).all()
    return read


@pytest.mark.parametrize("bands", [3, 4])
def test_png_of_16_bit_colours_keeps_12_bits(tmp_path, bands):
    assert (both(write_png16(tmp_path / "a.png", COLOURS[..., :bands])) == BYTES[..., :3]).all()


def test_png_of_16_bit_grey_and_alpha_keeps_12_bits_of_grey(tmp_path):
    path = write_png16(tmp_path / "a.png", np.dstack([COLOURS[..., 0], np.full((5, 7), 65535)]))
    assert (both(path) == BYTES[..., :1]).all()


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_tiff_of_16_bit_colours_keeps_12_bits_in_any_order_of_bytes(tmp_path, bands, order, deflate):
    path = write_tiff(tmp_path / "a.tif", COLOURS[..., :bands], deflate, order=order)
    assert (both(path) == BYTES[..., :3]).all()


def test_tiff_of_16_bit_colours_is_turned_upright(tmp_path):
    path = write_tiff(tmp_path / "a.tif", COLOURS[..., :3], orientation=6)
    assert (both(path) == np.rot90(BYTES[..., :3], -1)).all()


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_16_bits_is_scaled_by_the_bits_in_use(tmp_path, order):
    path = write_tiff(tmp_path / "a.tif", COLOURS[..., :1], order=order)
    assert (both(path) == BYTES[..., :1]).all()
    assert (both(save(tmp_path / "a.png", COLOURS[..., 0])) == BYTES[..., :1]).all()


@pytest.mark.parametrize("dtype", [np.uint32, np.float32])
@pytest.mark.parametrize("white", [4095, 255])
def test_32_bit_integers_and_floats_are_scaled_alike(tmp_path, dtype, white):
    values = (BYTES[..., :1] if white == 255 else COLOURS[..., :1]).astype(dtype)
    assert (both(write_tiff(tmp_path / "a.tif", values)) == BYTES[..., :1]).all()


def test_floats_up_to_1_and_up_to_255_give_the_same_image(tmp_path):
    values = BYTES[..., :1].astype(np.float32)
    one, two = (both(write_tiff(tmp_path / f"{n}.tif", values / n)) for n in (1, 255))
    assert (one == two).all()


@pytest.mark.parametrize("largest", [4095, 65535])
def test_ppm_and_pgm_are_scaled_by_the_largest_value_they_state_or_the_bits_in_use(tmp_path, largest):
    for kind, bands in ((b"P6", 3), (b"P5", 1)):
        header = b"%s 7 5 %d\n" % (kind, largest)
        (tmp_path / "a").write_bytes(header + COLOURS[..., :bands].astype(">u2").tobytes())
        assert np.abs(both(tmp_path / "a").astype(int) - BYTES[..., :bands]).max() <= 1


def test_black_is_black(tmp_path):
    assert both(save(tmp_path / "a.png", np.zeros((3, 3), np.uint16))).max() == 0


def test_an_image_is_scaled_by_the_white_level_of_its_data_set(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 1023]], np.uint16))
    assert read_image(path)[0, 1, 0] == 255
    assert read_image(path, whites=WhiteLevels(integers=4095))[0, 1, 0] == 64


def test_pillow_keeps_its_own_image_as_it_was(tmp_path):
    with Image.open(write_png16(tmp_path / "a.png", COLOURS[..., :3])) as picture:
        picture_colours(picture)
        assert (np.asarray(picture) == COLOURS[..., :3] >> 8).all()


@pytest.mark.parametrize(
    ("values", "bands"),
    [(np.zeros((2, 2, 5), np.uint16), "5 bands of 16 bits"), (np.zeros((2, 2, 3), np.float32), "3 bands of floats of")],
)
def test_bands_that_cannot_be_read_are_named(tmp_path, values, bands):
    with pytest.raises(DataError, match=rf"a\.tif' is a TIFF of {bands}.*; export"):
        read_image(write_tiff(tmp_path / "a.tif", values))


def test_values_of_unknown_range_are_refused_by_the_name_of_the_file(tmp_path):
    with pytest.raises(DataError, match=r"a\.tif' holds 32-bit values from 0 to 70000.*; shift and scale"):
        read_image(save(tmp_path / "a.tif", np.array([[0, 70000]], np.int32)))


def test_masks_of_16_bit_colours_are_read_if_they_hold_bytes(tmp_path):
    ids = np.array([[[1, 1, 1], [200, 200, 200]]])
    for values in (ids, ids * 257):
        assert read_mask(write_png16(tmp_path / "a.png", values)).tolist() == ids.tolist()
    with pytest.raises(DataError, match="colours of 16 bits"):
        read_mask(write_png16(tmp_path / "b.png", COLOURS[..., :3]))


def test_ids_in_a_pgm_are_as_stored_whatever_largest_value_it_states(tmp_path):
    (tmp_path / "a").write_bytes(b"P5 3 1 20\n\x00\x03\x14")
    assert read_mask(tmp_path / "a").tolist() == [[0, 3, 20]]
