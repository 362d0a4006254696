"""Every network against its authors' code, on weights loaded under their names."""

import ast
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tests.models.hash_weights import hash_weight, hashed
from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network
from seglet.models.convert.conversion import load_foreign_weights
from seglet.models.convert.key_maps import published_name
from seglet.models.network import Network

Case = Mapping[str, np.ndarray]


def network_of(case: Case) -> Network:
    """In float64, without dropout, fed with images as they are."""
    head, _, backbone = str(case["name"]).removeprefix("net_").rpartition("_case")[0].partition("_")
    still = {"dropout": 0.0, "aspp_dropout": 0.0, "drop_path": 0.0}
    architecture = Architecture(f"{head}-{backbone}", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), **still)
    network = assemble_network(architecture, int(case["hp_num_classes"]))
    pairs = zip(case["state_names"].tolist(), case["state_shapes"].tolist(), strict=True)
    report = load_foreign_weights(network, {name: hash_weight(name, ast.literal_eval(shape)) for name, shape in pairs})
    assert not report.missing
    assert not report.extra
    return network.double().eval()


def close(ours: Tensor, theirs: np.ndarray, rtol: float = 1e-9) -> bool:
    """Relative to the largest value of the map; as it is where all are 0."""
    return bool(np.abs(ours.detach().numpy() - theirs).max() <= rtol * (np.abs(theirs).max() or 1))


def check(case: Case) -> None:
    network = network_of(case)
    assert sum(parameter.numel() for parameter in network.parameters()) == case["hp_n_params"]
    check_evaluation(network, case)
    if "out_train_logits" in case:
        check_training(network.train(), case)


@torch.no_grad()
def check_evaluation(network: Network, case: Case) -> None:
    embedding = network.embed(torch.from_numpy(case["in_x"]).double())
    logits, feature = network.classify(embedding.trunk)
    assert close(logits, case["out_eval_logits"])
    if "out_eval_feat" in case:
        assert close(feature, case["out_eval_feat"])
    else:  # every eighth channel, in float32, and the sum of all
        assert close(feature[:, ::8], case["out_eval_feat_sub"], 1e-6)
        assert close(feature.sum(), case["out_eval_feat_sum"])
    if network.auxiliary is not None:
        assert close(network.auxiliary(embedding.auxiliary_in), case["out_eval_aux"])


def check_training(network: Network, case: Case) -> None:
    prediction = network(torch.from_numpy(case["in_x"]).double())
    logits = prediction.logits
    assert close(logits, case["out_train_logits"])
    loss = (logits * torch.from_numpy(hashed("target", logits.numel())).view(logits.shape)).mean()
    if prediction.auxiliary is not None:
        loss = loss + 0.4 * (prediction.auxiliary**2).mean()
    of_both_signs = abs(case["out_train_loss"]) + float(logits.detach().abs().mean())
    assert abs(loss.item() - case["out_train_loss"]) <= 1e-9 * of_both_signs
    loss.backward()
    norms = {
        published_name(name, network): p.grad.norm() for name, p in network.named_parameters() if p.grad is not None
    }
    rounding = 1e-13 * case["out_train_grad_l2"].max()  # of biases whose effect normalisation undoes
    for name, expected in zip(case["out_train_grad_names"].tolist(), case["out_train_grad_l2"], strict=True):
        assert abs(float(norms[name]) - expected) <= 1e-7 * expected + rounding, name


@pytest.mark.golden("kd", "net_deeplabv3_resnet18")
def test_deeplabv3_resnet18_is_the_authors(case: Case) -> None:
    check(case)


@pytest.mark.golden("kd", "net_deeplabv3_resnet101")
def test_deeplabv3_resnet101_is_the_authors(case: Case) -> None:
    check(case)


@pytest.mark.golden("kd", "net_pspnet_resnet18")
def test_pspnet_resnet18_is_the_authors(case: Case) -> None:
    check(case)


@pytest.mark.golden("kd", "net_segformer_mit_b0")
def test_segformer_b0_is_the_authors(case: Case) -> None:
    check(case)


@pytest.mark.golden("kd", "net_segformer_mit_b4")
def test_segformer_b4_is_the_authors(case: Case) -> None:
    check(case)


PARAMETERS = {
    "deeplabv3-resnet18": 13_607_974,
    "pspnet-resnet18": 12_919_334,
    "deeplabv3-resnet101": 61_118_950,
    "segformer-mit_b0": 3_719_283,
    "segformer-mit_b4": 64_008_403,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_for_19_classes_are_counted_exactly(name: str) -> None:
    with torch.device("meta"):
        network = assemble_network(Architecture(name), 19)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]
