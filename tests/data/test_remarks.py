"""Data checks tell what is read of images that hold more than 8 bits, one page, or three bands."""

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import mask, pairs, save, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.description import load_description
from seglet.data.description_files import DESCRIPTION_FILE
from seglet.data.folder_dataset import FolderDataset, open_folder
from seglet.images import WhiteLevels

GREYS = np.random.default_rng(0).integers(100, 1200, (6, 8), dtype=np.uint16)


@pytest.fixture
def root(tmp_path):
    """Two images of noise with masks of two classes."""
    text(pairs(tmp_path) / "classes.txt", "road", "car")
    return tmp_path


def warnings(root):
    report = check_dataset(root)
    assert report.ok
    return [problem.what for problem in report.problems if problem.severity == "warning"]


def deep(root, *largest):
    """Replaces the images by grey ones of 16 bits with these largest values."""
    for number, value in enumerate(largest):
        values = GREYS.copy()
        values[0, 0] = value
        save(root / "images" / f"{number}.png", values)
    return root


def test_bits_in_use_are_told_with_the_value_that_becomes_white(root):
    (what,) = warnings(deep(root, 1200, 2000))
    assert what == (
        "12 bits of 16 are in use: 2 of 2 images, such as 'images/0.png', whose largest value is 2000; in all of them "
        "4095 becomes white"
    )


def test_16_bits_in_use_need_no_warning(root):
    assert all(what.startswith("nearly black") for what in warnings(deep(root, 60000, 60001)))


def test_all_images_of_a_data_set_share_one_range(root):
    check_dataset(deep(root, 1200, 5000)).description.save(root / DESCRIPTION_FILE)
    assert load_description(root / DESCRIPTION_FILE).whites == WhiteLevels(integers=16383)
    image = open_folder(str(root), "all").read(0).image
    assert image[0, 0].tolist() == [19, 19, 19]  # 1200 * 255 / 16383 = 18.7, alone it would be 75


def test_a_description_that_states_no_range_is_read_as_16_bits(root):
    check_dataset(root).description.save(root / DESCRIPTION_FILE)
    assert "white" not in (root / DESCRIPTION_FILE).read_text()
    description = load_description(root / DESCRIPTION_FILE)
    save(root / "images/0.png", np.full((6, 8), 257 * 8, np.uint16))
    (item,) = (item for item in check_dataset(root).description.items("all") if item.id == "0")
    assert description.read_image(item).max() == 8


def test_images_of_8_bits_share_no_range(root):
    assert check_dataset(root).description.whites is None


def test_another_range_is_another_data_set(root):
    description = check_dataset(deep(root, 1200, 2000)).description
    items = description.items("all")
    wider = check_dataset(deep(root, 1200, 5000)).description
    one, two = (FolderDataset(each, items) for each in (description, wider))
    assert one.fingerprint != two.fingerprint
    assert one.identity(0) != two.identity(0)


def test_floats_are_told_with_the_value_that_becomes_white(root):
    for number in (0, 1):
        (root / "images" / f"{number}.png").unlink()
        save(root / "images" / f"{number}.tif", GREYS.astype(np.float32) / 1200)
    (what,) = warnings(root)
    assert what.startswith("floats: 2 of 2 images, such as 'images/0.tif', whose largest value is 0.9")
    assert what.endswith("in all of them 1 becomes white")


def test_images_that_are_nearly_black_are_told(root):
    dark = np.random.default_rng(0).integers(0, 6, (6, 8, 3), dtype=np.uint8)  # 12 bits divided by 257
    save(root / "images/1.png", dark)
    assert (
        "nearly black: 1 of 2 images, such as 'images/1.png'; 99.9 % of their values are below 16" in warnings(root)[0]
    )


def test_pages_that_are_not_used_are_counted_for_images_and_masks(root):
    for role in ("images", "masks"):
        (root / role / "0.png").rename(root / role / "0.tif")
        first = Image.open(root / role / "0.tif")
        first.load()
        first.save(root / role / "0.tif", save_all=True, append_images=[first, first])
    assert warnings(root) == [
        f"several pages or frames: 1 of 2 {role}, such as '{role}/0.tif'; of each the first is read, so 2 of 3 are not "
        "used"
        for role in ("images", "masks")
    ]


def test_bands_that_are_not_read_are_named(root):
    colours = np.asarray(Image.open(root / "images/0.png"))
    save(root / "images/0.png", np.dstack([colours, colours[..., :1]]))
    assert warnings(root) == [
        "RGBA (red, green, blue and alpha): 1 of 2 images, such as 'images/0.png'; transparency is dropped, and the "
        "colours stored under it are used"
    ]


@pytest.fixture
def turned(root):
    """The first image is stored sideways, 6 wide and 8 high upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(root / "images/0.png").save(root / "images/0.png", exif=exif)
    return root


def test_images_turned_by_exif_are_told_where_they_have_masks(turned):
    mask(turned / "masks/0.png", 0, 1, size=(8, 6))
    assert "turned upright by their EXIF orientation: 1 of 2 images, such as 'images/0.png'" in warnings(turned)[0]


def test_a_mask_that_fits_the_image_before_its_rotation_is_an_error_that_says_so(turned):
    (problem,) = check_dataset(turned).errors
    assert problem.what == "is 8x6 but its image is 6x8 after its EXIF rotation: the mask fits the image before it"
    assert problem.cure.startswith("turn the mask as the image is shown")


def test_ordinary_images_give_no_remark_and_are_remembered(root):
    assert warnings(root) == warnings(root) == []
    write_image(root / "images/1.png", shade=9)
    assert warnings(root) == []
