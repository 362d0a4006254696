from collections.abc import Iterator

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor, nn

from seglet.losses.distillation.cirkd_memory import MemoryTerms, cirkd_memory_loss
from seglet.models.distillation.adaptors import pixel_projector
from seglet.models.distillation.cirkd_memory import CirkdMemory, MemoryDraws, MemorySize
from seglet.tensors import resize_labels
from seglet.types import IGNORE

Case = dict[str, np.ndarray]
DTYPES = [(torch.float32, 1e-4), (torch.float64, 1e-9)]


def remembered(case: Case, dtype: torch.dtype, any_class: bool = True) -> CirkdMemory:
    """The memory of the case before its first call."""
    sizes = ("pixel_memory_size", "region_memory_size", "pixel_contrast_size", "region_contrast_size")
    size = MemorySize(*(int(case[f"hp_{name}"]) for name in (*sizes, "pixel_update_freq")))
    memory = CirkdMemory(int(case["hp_num_classes"]), case["in_feat_T"].shape[1], size, any_class).to(dtype)
    for queue, name in ((memory.pixels, "pixel"), (memory.regions, "segment")):
        queue.vectors.copy_(torch.from_numpy(case[f"in_{name}_queue"]))
        queue.position.copy_(torch.from_numpy(case[f"in_{name}_ptr"]))
    return memory


def projection(case: Case, dtype: torch.dtype) -> nn.Sequential:
    net = pixel_projector(case["in_feat_S"].shape[1], case["in_feat_T"].shape[1]).to(dtype)
    names = {"0.conv.weight": "pj0_weight", "1.weight": "pj3_weight"}
    names |= {f"0.norm.{part}": f"pj1_{part}" for part in ("weight", "bias", "running_mean", "running_var")}
    net.load_state_dict({name: torch.from_numpy(case[f"in_{theirs}"]) for name, theirs in names.items()}, strict=False)
    return net.train(bool(case["hp_train_mode"]))


def labels_of(case: Case) -> Tensor:
    labels = torch.from_numpy(case["in_labels"])
    return labels.masked_fill(labels == int(case["hp_ignore_label"]), IGNORE)


def authors_draws(case: Case) -> Iterator[MemoryDraws]:
    """Their permutations, of each class in each image and then of the slots, as the draws of two calls."""
    permutations = iter(torch.from_numpy(case[f"in_perm_{i:03}"]) for i in range(int(case["hp_n_perm"])))
    labels = resize_labels(labels_of(case), case["in_feat_T"].shape[-2:])
    for _ in range(2):
        order = torch.full(labels.shape, torch.inf)
        for image, places in zip(labels, order, strict=True):
            for k in image.unique()[image.unique() != IGNORE]:
                permutation = next(permutations)
                rank = torch.empty(len(permutation)).scatter_(0, permutation, torch.arange(1.0 * len(permutation)))
                places[image == k] = rank
        yield MemoryDraws(order, next(permutations), next(permutations))
    assert next(permutations, None) is None


def call(
    case: Case, memory: CirkdMemory, net: nn.Module, teacher: str, draws: MemoryDraws
) -> tuple[Tensor, MemoryTerms]:
    dtype = memory.pixels.vectors.dtype
    student = torch.from_numpy(case["in_feat_S"]).to(dtype).requires_grad_()
    features = torch.from_numpy(case[teacher]).to(dtype)
    memory.remember(features, labels_of(case), draws.order)
    temperatures = float(case["hp_contrast_temperature"]), float(case["hp_contrast_kd_temperature"])
    return student, cirkd_memory_loss(net(student), features, labels_of(case), memory.keys(draws), *temperatures)


@pytest.mark.golden("kd", "cirkd_memory")
@pytest.mark.parametrize(("dtype", "rtol"), DTYPES)
def test_two_calls_match_the_authors_numbers_and_gradients(case: Case, dtype: torch.dtype, rtol: float) -> None:
    memory, net = remembered(case, dtype), projection(case, dtype)
    for teacher, suffix, draws in zip(("in_feat_T", "in_feat_T2"), ("", "_step2"), authors_draws(case), strict=True):
        student, terms = call(case, memory, net, teacher, draws)
        for name, term in terms._asdict().items():
            (gradient,) = torch.autograd.grad(term, student, retain_graph=True)
            assert_near(term, case[f"out_loss_{name}{suffix}_f64"], rtol)
            assert_near(gradient, case[f"out_grad_feat_S__loss_{name}{suffix}"], rtol)


@pytest.mark.golden("kd", "cirkd_memory")
def test_queues_and_projector_hold_what_the_authors_hold(case: Case) -> None:
    memory, net = remembered(case, torch.float64), projection(case, torch.float64)
    first, second = authors_draws(case)
    call(case, memory, net, "in_feat_T", first)
    assert_near(memory.pixels.vectors, case["out_pixel_queue_after_f64"])
    assert_near(memory.regions.vectors, case["out_segment_queue_after_f64"])
    assert_near(net[0].norm.running_var, case["out_bn_running_var_after_f64"])  # type: ignore[union-attr]
    call(case, memory, net, "in_feat_T2", second)
    assert_near(memory.pixels.vectors, case["out_pixel_queue_after2_f64"])
    assert memory.pixels.position.tolist() == case["out_pixel_ptr_after2"].tolist()
    assert memory.regions.position.tolist() == case["out_segment_ptr_after2"].tolist()


@pytest.mark.golden("kd", "cirkd_memory")
def test_without_the_authors_slip_only_the_pixel_term_differs(case: Case) -> None:
    memory, net = remembered(case, torch.float64, any_class=False), projection(case, torch.float64)
    _, terms = call(case, memory, net, "in_feat_T", next(authors_draws(case)))
    assert_near(terms.region, case["out_loss_region_f64"])
    small = resize_labels(labels_of(case), case["in_feat_T"].shape[-2:])
    if any(len(image.unique()) > 1 for image in small):  # in an image of one class any pixel is of the class
        assert abs(terms.pixel.item() / case["out_loss_pixel_f64"] - 1) > 1e-8


def basis(*columns: int) -> Tensor:
    """One image of one row whose pixels are unit vectors along these axes of three."""
    return torch.eye(3)[list(columns)].T[None, :, None]


def small(**sizes: int) -> CirkdMemory:
    return CirkdMemory(2, 3, MemorySize(**{"pixel_slots": 4, "region_slots": 4, "drawn": 2} | sizes))


def test_a_queue_holds_pixels_of_its_class_in_the_order_drawn() -> None:
    memory = small()
    memory.remember(basis(0, 1, 2), torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0.0, 0.9, 0.1]]]))
    torch.testing.assert_close(memory.pixels.vectors[1, :2], torch.eye(3)[[2, 1]])
    assert memory.pixels.position.tolist() == [1, 2]


def test_a_region_is_the_direction_of_the_mean() -> None:
    memory = small()
    memory.remember(basis(0, 1, 2), torch.tensor([[[0, 1, 1]]]), torch.zeros(1, 1, 3))
    torch.testing.assert_close(memory.regions.vectors[1, 0], torch.tensor([0.0, 0.5**0.5, 0.5**0.5]))


def test_a_batch_of_ignored_pixels_adds_nothing() -> None:
    memory = small()
    before = memory.pixels.vectors.clone()
    memory.remember(basis(0, 1, 2), torch.full((1, 1, 3), IGNORE), torch.zeros(1, 1, 3))
    assert torch.equal(memory.pixels.vectors, before)
    assert memory.regions.position.tolist() == [0, 0]


def test_more_pixels_than_slots_fill_the_ring_once() -> None:
    memory = small(pixel_slots=1)
    memory.remember(basis(0, 1, 2), torch.zeros(1, 1, 3, dtype=torch.long), torch.tensor([[[0.5, 0.1, 0.9]]]))
    torch.testing.assert_close(memory.pixels.vectors[0], torch.eye(3)[[1]])


def test_a_fresh_memory_has_finite_keys_at_most_as_many_as_slots() -> None:
    memory = small()
    keys = memory.keys(memory.draw(torch.zeros(1, 3, 1, 3)))
    torch.testing.assert_close(keys.pixels.norm(dim=1), torch.ones(2 * 4))
    assert keys.regions.shape == (2 * 4, 3)


def test_equal_generators_draw_alike() -> None:
    memory, maps = small(), torch.zeros(1, 3, 2, 2)
    one, two = (memory.draw(maps, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.order, two.order)
    assert torch.equal(one.pixel_slots, two.pixel_slots)


def test_a_saved_memory_continues() -> None:
    memory, other = small(), small()
    memory.remember(basis(0, 1, 2), torch.tensor([[[0, 1, 1]]]), torch.zeros(1, 1, 3))
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.pixels.vectors, memory.pixels.vectors)
    assert other.pixels.position.tolist() == [1, 2]


def test_a_label_beyond_the_classes_is_named() -> None:
    with pytest.raises(ValueError, match="labels run from 0 to 7, but classes from 0 to 1"):
        small().remember(basis(0, 1, 2), torch.tensor([[[0, 1, 7]]]), torch.zeros(1, 1, 3))


def test_a_memory_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one class, slot and channel"):
        small(pixel_slots=0)
