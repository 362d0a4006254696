import pytest
import torch
from torch import Tensor

from seglet.labels.attention.clusters import attention_clusters

KINDS = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])


def some_rows(patches: int = 15, images: int = 2) -> Tensor:
    """Rows that differ a little within three kinds."""
    generator = torch.Generator().manual_seed(0)
    kinds = 3 * torch.randn(images, 3, patches, generator=generator)
    noise = 0.3 * torch.randn(images, patches, patches, generator=generator)
    return (kinds[:, torch.arange(patches) % 3] + noise).softmax(dim=2)


def one_by_one(rows: Tensor, groups: int, symmetric: bool, steps: int = 8) -> list[int]:
    """The same for one image, each divergence a sum of its own."""

    def apart(row: Tensor, centre: Tensor) -> float:
        forward = (row * ((row + 1e-8) / (centre + 1e-8)).log()).sum().item()
        backward = (centre * ((centre + 1e-8) / (row + 1e-8)).log()).sum().item()
        return (forward + backward) / 2 if symmetric else forward

    gap, centres = [apart(row, rows.mean(dim=0)) for row in rows], list[Tensor]()
    for _ in range(groups):
        centres.append(rows[gap.index(max(gap))])
        gap = [min(apart(row, centre) for centre in centres) for row in rows]
    labels = list[int]()
    for _ in range(steps):
        far = [[apart(row, centre) for centre in centres] for row in rows]
        labels = [of_row.index(min(of_row)) for of_row in far]
        members = [rows[[label == group for label in labels]] for group in range(groups)]
        centres = [own.mean(dim=0) if len(own) else old for own, old in zip(members, centres, strict=True)]
    return labels


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("groups", [1, 4])
def test_equals_the_formula_one_row_and_centre_at_a_time(groups: int, symmetric: bool) -> None:
    rows = some_rows().double()
    labels = attention_clusters(rows, groups, symmetric=symmetric)
    assert labels.tolist() == [one_by_one(image, groups, symmetric) for image in rows]


def test_rows_of_one_kind_are_one_group() -> None:
    labels = attention_clusters(KINDS[[0, 0, 1, 0, 1]][None], groups=2)[0].tolist()
    assert labels in ([0, 0, 1, 0, 1], [1, 1, 0, 1, 0])


@pytest.mark.parametrize("generator", [None, torch.Generator()])
def test_equal_rows_are_one_group_however_many_are_asked_for(generator: torch.Generator | None) -> None:
    assert attention_clusters(torch.full((2, 6, 6), 1 / 6), 4, generator=generator).eq(0).all()


def test_no_more_groups_than_patches() -> None:
    assert sorted(attention_clusters(torch.eye(3)[None], groups=9)[0].tolist()) == [0, 1, 2]


def test_rows_of_zeros_and_single_patches_are_grouped_too() -> None:
    assert attention_clusters(torch.zeros(1, 4, 4)).eq(0).all()
    assert attention_clusters(torch.ones(1, 1, 1)).tolist() == [[0]]


def test_an_image_is_grouped_as_if_it_were_alone() -> None:
    rows = some_rows(images=3)
    assert torch.equal(attention_clusters(rows)[1:2], attention_clusters(rows[1:2]))


def test_drawn_centres_depend_on_the_generator_alone() -> None:
    def drawn(seed: int) -> list[list[int]]:
        return attention_clusters(some_rows(), 5, 1, generator=torch.Generator().manual_seed(seed)).tolist()

    assert drawn(0) == drawn(0)
    assert any(drawn(seed) != drawn(0) for seed in range(1, 5))


def test_half_precision_and_autocast_compute_in_single() -> None:
    rows = some_rows().half()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = attention_clusters(rows)
    assert torch.equal(inside, attention_clusters(rows.float()))


def test_no_group_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one group and one step, got 0 and 20"):
        attention_clusters(torch.eye(3)[None], groups=0)
