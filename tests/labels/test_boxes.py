import torch
from torch import Tensor

from seglet.labels.cam.boxes import inside_boxes


def boxed(*rows: str, share: float = 0.5) -> list[str]:
    """A map drawn with digits (tenths), and its boxes drawn with hashes."""
    drawn = torch.tensor([[int(digit) / 10 for digit in row] for row in rows])
    return ["".join("#" if inside else "." for inside in row) for row in inside_boxes(drawn[None, None], share)[0, 0]]


def test_a_box_surrounds_a_region_whatever_its_form() -> None:
    assert boxed("09000", "99000", "00000", "00000") == ["##...", "##...", ".....", "....."]


def test_regions_that_touch_by_a_corner_share_a_box_and_others_do_not() -> None:
    assert boxed("90000", "09000", "00000", "90000", "00000") == ["##...", "##...", ".....", "#....", "....."]


def test_only_what_exceeds_the_share_of_the_maximum_counts() -> None:
    assert boxed("05000", "04010", "08000", "00000", share=0.6) == [".#...", ".....", ".#...", "....."]
    assert boxed("05000", "04010", "08000", "00000", share=0.4) == [".#...", ".#...", ".#...", "....."]


def test_a_box_ends_before_the_last_row_and_column() -> None:  # a quirk of the authors' code
    assert boxed("000", "099", "099") == ["...", ".#.", "..."]
    assert boxed("000", "000", "009") == ["...", "...", "..."]


def test_a_winding_region_has_one_box() -> None:
    assert boxed("99990", "00090", "99990", "90000", "99990", "00000") == ["####."] * 5 + ["....."]


def test_a_map_of_zeros_has_no_box_and_does_not_disturb_others() -> None:
    maps: Tensor = torch.zeros(2, 3, 4, 5)
    maps[1, 2, 1, 1] = 1e-2
    assert inside_boxes(maps, 0.5).nonzero().tolist() == [[1, 2, 1, 1]]


def test_no_map_has_no_box() -> None:
    assert inside_boxes(torch.zeros(0, 3, 4, 5), 0.5).shape == (0, 3, 4, 5)
