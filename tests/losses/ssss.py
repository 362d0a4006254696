"""The masks of a golden case of SSSS's head, and their scores."""

import numpy as np
import torch
from torch import Tensor

from seglet.models.class_scores import class_scores

Case = dict[str, np.ndarray]


def decoded(case: Case) -> Tensor:
    """Foreground logits in float64, to take gradients of."""
    return torch.from_numpy(case["logits_fg"]).double().requires_grad_()


def with_background(foreground: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(foreground[:, :1]), foreground], dim=1)


def scores(case: Case, foreground: Tensor) -> Tensor:
    return class_scores(with_background(foreground), float(case["focal_p"]), float(case["focal_lambda"]))
