"""The parts of SSSS against their authors' code, and as a network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from tests.models.authors import copy_weights, named
from tests.models.tiny import SSSS, images, tiny
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network, pyramid_rates
from seglet.models.freezing import batch_norms, fix_batch_norm_statistics, freeze_pretrained
from seglet.models.heads.base import ForegroundClassifier
from seglet.models.heads.deeplabv3 import ASPP
from seglet.models.heads.ssss import GlobalCueInjection, SSSSHead, StochasticGate, mix_by_gate
from seglet.models.network import Network
from seglet.models.segmenter import Segmenter
from seglet.models.uncertainty import mc_mean_and_deviation

Case = dict[str, np.ndarray]
every_kind = pytest.mark.parametrize("name", SSSS)

ASPP_NAMES = (
    {f"aspp{i + 2}.atrous_conv": f"atrous.{i}.conv" for i in range(3)}
    | {f"aspp{i + 2}.bn": f"atrous.{i}.norm" for i in range(3)}
    | {"aspp1.atrous_conv": "point.conv", "aspp1.bn": "point.norm"}
    | {"global_avg_pool.1": "pooled.conv", "global_avg_pool.2": "pooled.norm"}
    | {"conv1": "project.conv", "bn1": "project.norm"}
)
GCI_NAMES = {
    "fc_deep.0": "cues.conv",
    "fc_deep.1": "cues.norm",
    "fc_skip.0": "conv",
    "fc_skip.1": "norm",
    "fc_cls.0": "out.conv",
    "fc_cls.1": "out.norm",
}


def tensor(case: Case, name: str) -> Tensor:
    return torch.from_numpy(case[name]).double()


def full(name: str = "ssss-wideresnet38", num_classes: int = 21) -> Network:
    """Builds a network of usual width on the meta device."""
    with torch.device("meta"):
        return assemble_network(Architecture(name), num_classes).to("meta")


@pytest.mark.golden("weak", "aspp")
def test_the_pyramid_is_the_authors(case: Case) -> None:
    """Our copies of the cases hold the first channels of the output alone."""
    rates = pyramid_rates(Architecture("ssss-resnet50", output_stride=int(case["output_stride"])))
    width, inside = case["w__aspp1__atrous_conv__weight"].shape[:2]
    pyramid = ASPP(inside, width, rates).double().eval()
    copy_weights(pyramid, named(case, ASPP_NAMES), smaller=True)
    kept = case["out"].shape[1]
    assert_near(pyramid(tensor(case, "x"))[:, :kept], case["out"], 1e-5)


@pytest.mark.golden("weak", "gci")
def test_global_cue_injection_is_the_authors(case: Case) -> None:
    """Our copies of the cases are rotated to the few dimensions that the inputs span; the other channels are 0."""
    width, inside = case["w__fc_skip__0__weight"].shape[:2]
    injection = GlobalCueInjection(inside, width).double().train(bool(case["training"]))
    copy_weights(injection, named(case, GCI_NAMES), smaller=True)
    deep = tensor(case, "deep")
    padded = nn.functional.pad(deep, (0, 0, 0, 0, 0, width - deep.shape[1]))
    kept = case["out"].shape[1]
    assert_near(injection(tensor(case, "shallow"), padded)[:, :kept], case["out"], 1e-5)


@pytest.mark.golden("weak", "stochastic_gate")
def test_the_gate_is_the_authors(case: Case) -> None:
    deep, shallow, keep = (tensor(case, name) for name in ("x1", "x2", "keep_mask"))
    p = float(case["alpha"])
    mean = StochasticGate(p).eval()(deep, shallow)
    assert_near(mix_by_gate(deep, shallow, keep, p) if case["training"] else mean, case["out"], 1e-6)
    assert_near(mean, case["out_eval"], 1e-6)


def test_the_gate_gives_the_deep_map_on_average_and_takes_another_size_next() -> None:
    gate = StochasticGate(0.3)
    gate.generator = torch.Generator().manual_seed(0)
    deep, shallow = torch.full((1, 1, 300, 300), 2.0), torch.full((1, 1, 300, 300), 5.0)
    assert gate(deep, shallow).mean().item() == pytest.approx(2, abs=0.03)
    assert gate(deep[..., :7], shallow[..., :7]).shape == (1, 1, 300, 7)


def test_the_gate_draws_from_its_generator() -> None:
    gate, maps = StochasticGate(), torch.rand(2, 1, 3, 4, 5)
    drawn = []
    for seed in (0, 0, 1):
        gate.generator = torch.Generator().manual_seed(seed)
        drawn.append(gate(maps[0], maps[1]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_parameters_are_the_published_number() -> None:
    assert sum(parameter.numel() for parameter in full().parameters()) == 137_973_172


def test_multiply_adds_are_the_published_number() -> None:
    with FlopCounterMode(display=False) as counter:
        full().eval()(torch.empty(1, 3, 321, 321, device="meta"))
    assert counter.get_total_flops() / 2e9 == pytest.approx(276.6, abs=0.05)  # torch counts a multiply-add as 2


def test_what_the_authors_freeze_leaves_the_published_number_to_train() -> None:
    network = full()
    freeze_pretrained(network)
    assert sum(part.numel() for part in network.parameters() if part.requires_grad) == 137_104_500
    fix_batch_norm_statistics(network)
    norms = [*batch_norms(network)]
    assert (len(norms), sum(norm.training for norm in norms)) == (50, 7)


def test_only_the_stem_of_a_resnet_is_frozen_and_nothing_of_a_transformer() -> None:
    resnet, transformer = full("ssss-resnet50"), full("ssss-mit_b0")
    freeze_pretrained(resnet)
    freeze_pretrained(transformer)
    frozen = [name for name, part in resnet.named_parameters() if not part.requires_grad and "norm" not in name]
    assert all(name.startswith("backbone.stem") for name in frozen)
    assert len(frozen) == 3
    assert all(part.requires_grad for part in transformer.parameters())


def test_one_image_alone_trains_once_the_norms_of_the_pyramid_rest() -> None:
    network = tiny("ssss-resnet18").network.train()
    with pytest.raises(ValueError, match="at least 2 images"):
        network(images(1))
    fix_batch_norm_statistics(network)
    assert network(images(1)).logits.isfinite().all()


@every_kind
@pytest.mark.parametrize("size", [(32, 33), (65, 47)])
def test_logits_stand_on_the_grid_of_stride_4_with_the_background_first(name: str, size: tuple[int, int]) -> None:
    logits = tiny(name).network.eval()(images(2, *size)).logits
    whole = [8 * round(side / 8) for side in size] if "clip" in name else size  # patches are whole
    assert logits.shape == (2, 3, -(-whole[0] // 4), -(-whole[1] // 4))
    assert logits[:, 0].eq(1).all()


@every_kind
def test_gradients_reach_every_parameter(name: str) -> None:
    network = tiny(name).network.train()
    network(images(2, 64, 64)).logits.square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@every_kind
def test_a_segmenter_predicts_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    segmenter = tiny(name).eval()
    segmenter.save(tmp_path / "net")
    predicted = segmenter.predict(np.zeros((40, 50, 3), np.uint8), samples=2)
    assert predicted.probabilities.shape == (3, 40, 50)
    assert torch.equal(Segmenter.load(tmp_path / "net")(images()), segmenter(images()))


def test_logits_of_a_new_network_are_no_larger_than_the_backgrounds() -> None:
    """The constant 1 could say nothing against logits of many times that."""
    logits = tiny("ssss-resnet18", width=0.5).network.eval()(images()).logits[:, 1:]
    assert 0.1 < logits.std() < 5


def test_in_evaluation_only_monte_carlo_passes_draw() -> None:
    network = tiny("ssss-resnet18").network.eval()
    trunk = network.embed(images()).trunk
    assert torch.equal(trunk, network.embed(images()).trunk)
    _, deviation = mc_mean_and_deviation(network, trunk, 3, torch.Generator().manual_seed(0))
    assert deviation.max() > 0


def test_the_shallow_stage_is_the_one_at_stride_4() -> None:
    heads = [tiny(name).network.head for name in ("ssss-wideresnet38", "ssss-resnet18")]
    assert [head.shallow for head in heads if isinstance(head, SSSSHead)] == [1, 0]


def test_a_background_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="2 classes are the least; got 1"):
        ForegroundClassifier(8, 1, constant=1.0)
