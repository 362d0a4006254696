"""Weights of a golden case of the weak papers, under our names."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


def named(case: Mapping[str, np.ndarray], ours: Mapping[str, str]) -> dict[str, Tensor]:
    """The case's weights; `ours` has the names of modules, theirs to ours."""
    weights = {}
    for key, value in case.items():
        module, _, part = key.removeprefix("w__").replace("__", ".").rpartition(".")
        if key.startswith("w__") and part != "num_batches_tracked":
            weights[f"{ours[module]}.{part}"] = torch.from_numpy(value)
    return weights


@torch.no_grad()
def copy_weights(module: nn.Module, weights: Mapping[str, Tensor], smaller: bool = False) -> None:
    """Copies each tensor to where it belongs; all but counters must be there. Of a `smaller` one the rest is 0."""
    own = {name: tensor for name, tensor in module.state_dict().items() if "num_batches" not in name}
    assert own.keys() == weights.keys()
    for name, tensor in weights.items():
        assert smaller or own[name].shape == tensor.shape, name
        own[name].zero_()
        own[name][tuple(slice(length) for length in tensor.shape)] = tensor.to(own[name])
