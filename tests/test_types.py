"""Records that move, change, slice and concatenate as one, and the ways in which tags are written."""

from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
import torch
from torch import Tensor, tensor

from seglet.types import (
    Classes,
    Crop,
    Tagged,
    Target,
    TensorRecord,
    Unlabelled,
    check_background_first,
    tag_vector,
    with_background,
    without_background,
)

NAMES = ("background", "cat", "dog")
CLASSES = Classes(NAMES, ((0, 0, 0), (1, 0, 0), (0, 1, 0)))


@dataclass(frozen=True)
class Found(TensorRecord):
    target: Target | None
    columns: dict[str, Tensor]
    prototypes: Tensor
    batch_axes = MappingProxyType({"prototypes": None})


def found(labels: list[int], prototype: float = 0.0) -> Found:
    rows = tensor(labels)[:, None, None]
    return Found(Target(rows, torch.ones(rows.shape)), {"depth": rows.float()}, tensor([prototype]))


def unlabelled() -> Unlabelled:
    images = torch.arange(3.0)[:, None, None, None].expand(3, 3, 2, 2)
    crop = Crop(torch.zeros(3, 4), tensor([False, True, False]))
    return Unlabelled(("a", "b", "c"), images, torch.stack([images, images + 10]), torch.ones(3, 2, 2) > 0, crop)


def test_map_reaches_records_and_mappings_within() -> None:
    doubled = found([1, 2]).map(lambda part: part * 2)
    assert doubled.target is not None
    assert doubled.target.labels.flatten().tolist() == [2, 4]
    assert doubled.columns["depth"].flatten().tolist() == [2.0, 4.0]


def test_map_joins_the_tensors_of_two_records() -> None:
    both = found([1, 2]).map(torch.add, found([10, 20], 0.5))
    assert both.target is not None
    assert both.target.labels.flatten().tolist() == [11, 22]
    assert both.prototypes.tolist() == [0.5]


@pytest.mark.parametrize("which", [slice(1, 3), tensor([1, 2]), tensor([False, True, True])])
def test_a_part_of_the_images_keeps_everything_that_belongs_to_them(which: slice | Tensor) -> None:
    part = unlabelled()[which]
    assert part.ids == ("b", "c")
    assert part.images[:, 0, 0, 0].tolist() == [1.0, 2.0]
    assert part.strong[1, :, 0, 0, 0].tolist() == [11.0, 12.0]
    assert part.crop.flipped.tolist() == [True, False]


def test_what_all_images_share_is_not_sliced() -> None:
    assert found([1, 2, 3], 0.5)[slice(0, 1)].prototypes.tolist() == [0.5]


def test_parts_put_together_are_the_whole() -> None:
    whole = unlabelled()
    again = Unlabelled.cat([whole[slice(0, 1)], whole[slice(1, None)]])
    assert again.ids == whole.ids
    assert torch.equal(again.strong, whole.strong)
    assert torch.equal(again.crop.flipped, whole.crop.flipped)
    assert Found.cat([found([1]), found([2])]).columns["depth"].flatten().tolist() == [1.0, 2.0]


def test_concatenation_takes_what_is_shared_from_the_first() -> None:
    assert Found.cat([found([1], 0.5), found([2], 0.7)]).prototypes.tolist() == [0.5]


def test_concatenation_refuses_records_that_lack_something() -> None:
    with pytest.raises(ValueError, match="some lack a field"):
        Found.cat([found([1]), replace(found([2]), target=None)])
    with pytest.raises(ValueError, match=r"different names: \['depth'\] and \[\]"):
        Found.cat([found([1]), replace(found([2]), columns={})])


def test_a_record_moves_with_all_it_holds() -> None:
    moved = found([1]).to("meta")
    assert moved.target is not None
    assert all(part.is_meta for part in (moved.target.labels, moved.columns["depth"], moved.prototypes))


def test_tags_go_from_labels_to_columns_and_back() -> None:
    vector = tag_vector((2,), num_classes=3)
    assert vector.tolist() == [0.0, 0.0, 1.0]
    foreground = without_background(vector[None])
    assert foreground.tolist() == [[0.0, 1.0]]
    assert with_background(foreground, 0.0).tolist() == [vector.tolist()]


def test_maps_get_a_background_in_front() -> None:
    maps = with_background(torch.zeros(1, 2, 2, 2), 0.5)
    assert maps.shape == (1, 3, 2, 2)
    assert maps[0].sum(dim=(1, 2)).tolist() == [2.0, 0.0, 0.0]


def test_no_tag_names_the_background() -> None:
    assert CLASSES.foreground == {1: "cat", 2: "dog"}
    assert Classes(NAMES[1:], CLASSES.colours[1:]).foreground == {0: "cat", 1: "dog"}


def test_tags_need_the_background_first_and_another_class() -> None:
    check_background_first(CLASSES)
    with pytest.raises(ValueError, match="background as class 0, got 'dog'"):
        check_background_first(Classes(NAMES[::-1], CLASSES.colours))
    with pytest.raises(ValueError, match="at least one class beside"):
        check_background_first(Classes(NAMES[:1], CLASSES.colours[:1]))


def test_a_tagged_batch_is_sliced_with_its_tags() -> None:
    crop = Crop(torch.zeros(2, 4), torch.zeros(2, dtype=torch.bool))
    step = Tagged(("a", "b"), torch.zeros(2, 3, 1, 1), tensor([[0.0, 1], [0.0, 0]]), crop)
    assert step[slice(1, 2)].tags.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("name", ["a\nb", "a\0", "\x1b[2J", "a\u2028b"])
def test_names_of_classes_fit_on_a_line(name):
    with pytest.raises(ValueError, match="control character"):
        Classes.named(["background", name])


def test_colours_are_bytes():
    with pytest.raises(ValueError, match="expected red, green and blue from 0 to 255"):
        Classes(("background",), ((0, 0, 10**30),))
