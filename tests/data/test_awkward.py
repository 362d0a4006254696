"""Each file of the awkward collection does what its README calls sane."""

import numpy as np
import pytest
from PIL import Image

from seglet.data.checking.check import check_dataset
from seglet.data.checking.rules import MaskRules
from seglet.data.class_files.read import read_class_table
from seglet.data.errors import DataError
from seglet.data.files import image_files
from seglet.images import image_size, read_image, read_mask


@pytest.fixture
def awkward(shared_data):
    return shared_data / "awkward"


LIKE_REFERENCE = (
    "trailing_garbage.jpg", "rgb_16bit.png", "palette.png", "palette_transparent.png", "png_named.jpg", "two_page.tiff",
    "progressive.jpg", "UPPER CASE name.JPG", "ünïcode_图片.jpg",
)  # fmt: skip


@pytest.mark.parametrize("name", LIKE_REFERENCE)
def test_is_read_as_the_image_it_was_made_from(awkward, name):
    reference = read_image(awkward / "reference.jpg").astype(int)
    assert np.abs(read_image(awkward / name) - reference).mean() < 6


REFUSED = {
    "truncated.jpg": "damaged", "truncated_header.jpg": "not a readable", "corrupt_idat.png": "damaged",
    "truncated.png": "damaged", "zero_byte.png": "is empty", "text_named.jpg": "<html>", "float32_nan.tiff": "floats",
    "bomb_header.png": "limit of 64000000", "bomb_valid_400mp.png": "limit of 64000000", "Thumbs.db": "not a readable",
}  # fmt: skip


@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_is_refused_by_name_with_a_cure(awkward, name, why):
    with pytest.raises(DataError, match=f"{name}.*{why}.*; "):
        read_image(awkward / name)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_below_pillows_own_limit_is_refused_too(awkward):
    for read in (read_image, read_mask, image_size):
        with pytest.raises(DataError, match=r"bomb_warn_100mp\.png.*limit of 64000000"):
            read(awkward / "bomb_warn_100mp.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bombs_are_refused_before_they_are_decoded(awkward, monkeypatch):
    monkeypatch.delattr("PIL.ImageFile.ImageFile.load")
    for name in ("bomb_header.png", "bomb_valid_400mp.png", "bomb_warn_100mp.png"):
        with pytest.raises(DataError, match="limit of 64000000"):
            read_image(awkward / name)


@pytest.mark.parametrize(
    ("name", "mean"),
    [("cmyk.jpg", (30, 5, 7)), ("grey.jpg", (93, 93, 93)), ("grey_16bit.png", (93, 93, 93)),
     ("grey_alpha.png", (93, 93, 93)), ("rgba.png", (177, 50, 157)), ("one_bit.png", (93, 93, 93)),
     ("animated.gif", (96, 99, 56)), ("animated.webp", (96, 99, 56)), ("multi_picture_mpo.jpg", (108, 104, 101))],
)  # fmt: skip
def test_has_the_right_colours(awkward, name, mean):
    image = read_image(awkward / name)
    assert np.abs(image.mean((0, 1)) - mean).max() < 1
    assert image.dtype == np.uint8


def test_orientation_is_applied(awkward):
    upright, turned = (read_image(awkward / f"exif_orientation_{n}.jpg").astype(int) for n in (1, 6))
    assert np.abs(upright - turned).mean() < 4
    assert image_size(awkward / "exif_orientation_6.jpg") == turned.shape[:2] == (1200, 1800)


@pytest.mark.parametrize(("name", "size"), [("one_by_one", (1, 1)), ("very_wide", (4, 8000)), ("very_tall", (6000, 3))])
def test_odd_sizes_are_read(awkward, name, size):
    assert read_image(awkward / f"{name}.png").shape[:2] == image_size(awkward / f"{name}.png") == size


def test_folder_scans_skip_litter(awkward):
    names = {path.name for path in image_files(awkward)}
    assert {"UPPER CASE name.JPG", "ünïcode_图片.jpg"} <= names
    assert not {".hidden.jpg", "Thumbs.db", "README.md"} & names


def test_palette_and_grey_masks_hold_the_same_ids(awkward):
    ids = np.array(Image.open(awkward / "masks" / "ok_palette.png"))
    assert (read_mask(awkward / "masks" / "ok_palette.png") == ids).all()
    assert (read_mask(awkward / "masks" / "ok_grey.png") == ids).all()


@pytest.fixture
def judged(awkward, shared_data, tmp_path):
    """Checks one mask beside the reference image, with the 21 classes of MSRC."""

    def judge(name, rules=MaskRules(), classes=shared_data / "msrc21" / "classes.txt"):  # noqa: B008
        for folder, source in (("images", awkward / "reference.jpg"), ("masks", awkward / "masks" / name)):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"a{source.suffix}").write_bytes(source.read_bytes())
        return check_dataset(tmp_path, classes=classes, rules=rules)

    return judge


@pytest.mark.parametrize(
    "name", ["ok_palette.png", "ok_grey.png", "colour_coded.png", "all_ignore.png", "zero_is_void.png"]
)
def test_the_mask_can_be_used(judged, name):
    assert judged(name).ok


@pytest.mark.parametrize(
    ("name", "what"),
    [("jpeg_mask.jpg", "JPEG"), ("wrong_size.png", "160x106 but its image is 320x213"), ("out_of_range.png", "77"),
     ("ids_16bit.png", "1000 .*2000 .*3000"), ("binary_0_255.png", "could be an object or void")],
)  # fmt: skip
def test_the_mask_is_refused(judged, name, what):
    with pytest.raises(DataError, match=what):
        judged(name).require_ok()


def test_colours_and_ids_give_the_same_labels(judged):
    def labels(name):
        description = judged(name).require_ok()
        item = description.items("all")[0]
        return description.labels(read_mask(item.mask), item.mask)

    assert (labels("colour_coded.png") == labels("ok_palette.png")).all()


def test_a_mask_of_void_alone_is_reported(judged):
    assert "every pixel is void" in {problem.what for problem in judged("all_ignore.png").problems}


def test_a_binary_mask_is_read_if_the_rules_say_so(judged):
    report = judged("binary_0_255.png", MaskRules(coding="binary_255"))
    assert report.ok
    assert report.statistics["all"].void_pixels == 0


def test_zero_is_void_if_the_rules_say_so(judged, shared_data, tmp_path):
    names = [entry.name for entry in read_class_table(shared_data / "msrc21" / "classes.txt") if not entry.void]
    (tmp_path / "shifted.txt").write_text("\n".join(f"{number} {name}" for number, name in enumerate(names, start=1)))
    shifted = judged("zero_is_void.png", MaskRules(void=(0,)), tmp_path / "shifted.txt")
    right = judged("ok_grey.png")
    assert shifted.statistics["all"].pixels == right.statistics["all"].pixels
