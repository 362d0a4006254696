"""Images that are drawn for DiCLIP's cache: interrupted, rejected, replaced."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglet.files import write_text
from seglet.methods.diclip.drawn_images import DrawnImages, class_folder

WORDS = {"cat": "cat", "tvmonitor": "tvmonitor"}
SETTINGS = {"steps": 30, "seed": 7}


def opened(root: Path, words: dict[str, str] = WORDS, count: int = 2) -> DrawnImages:
    return DrawnImages(root, SETTINGS, words, count)


def draw(drawn: DrawnImages, most: int = 99, recorded: bool = True) -> list[int]:
    """Draws images whose grey is their seed, and returns the seeds."""
    part = drawn.missing()[:most]
    for one in part:
        drawn.write(one, np.full((4, 4, 3), one.seed % 251, np.uint8))
    if recorded:
        drawn.record(part)
    return [one.seed for one in part]


def test_each_image_of_a_class_has_a_seed_of_its_own(tmp_path: Path) -> None:
    assert draw(opened(tmp_path)) == [7, 8, 7, 8]
    assert opened(tmp_path).missing() == []
    assert opened(tmp_path).changes() == {}


def test_a_rejected_image_is_drawn_with_another_seed_each_time(tmp_path: Path) -> None:
    draw(opened(tmp_path))
    file = opened(tmp_path).files[0][1]
    key = file.relative_to(file.parents[1]).as_posix()
    for seed in (1_000_008, 2_000_008):
        file.unlink()
        assert opened(tmp_path).rejected() == 1
        assert opened(tmp_path).changes() == {key: seed}
        assert draw(opened(tmp_path)) == [seed]
        assert opened(tmp_path).changes() == {key: seed}


def test_an_image_in_place_of_a_drawn_one_is_the_users_own(tmp_path: Path) -> None:
    draw(opened(tmp_path))
    file = opened(tmp_path).files[1][0]
    Image.new("RGB", (8, 8), "red").save(file)
    (change,) = opened(tmp_path).changes().values()
    Image.new("RGB", (8, 8), "blue").save(file)
    (other,) = opened(tmp_path).changes().values()
    assert isinstance(change, str)
    assert change != other


def test_copied_images_count_as_drawn(tmp_path: Path) -> None:
    draw(opened(tmp_path))
    for file in opened(tmp_path).files[0]:
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    assert opened(tmp_path).changes() == {}


def test_an_interruption_changes_nothing(tmp_path: Path) -> None:
    draw(opened(tmp_path), most=1)
    draw(opened(tmp_path), most=1, recorded=False)
    again = opened(tmp_path)
    again.record()
    assert draw(again) == [7, 8]
    assert opened(tmp_path).changes() == {}


def test_images_of_a_version_without_a_record_are_kept(tmp_path: Path) -> None:
    draw(opened(tmp_path), recorded=False)
    assert opened(tmp_path).changes() == {}
    opened(tmp_path, {"cat": "cat"}).record()
    assert opened(tmp_path).changes() == {}


def test_other_words_for_a_class_are_other_images_in_the_same_folder(tmp_path: Path) -> None:
    draw(opened(tmp_path))
    other = opened(tmp_path, {**WORDS, "tvmonitor": "television screen"})
    assert other.folder == opened(tmp_path).folder
    assert [one.name for one in other.missing()] == ["tvmonitor", "tvmonitor"]
    assert class_folder("traffic_light", "traffic light").startswith("traffic-light-")


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    draw(opened(tmp_path))
    write_text(opened(tmp_path).folder / "drawn.json", "[]")
    with pytest.raises(ValueError, match=r"drawn\.json' is damaged"):
        opened(tmp_path)
