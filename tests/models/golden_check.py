"""Numbers of a golden case, in the precision they were computed in."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

Case = Mapping[str, np.ndarray]


def input_of(case: Case, name: str, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(case[f"in_{name}"]).to(dtype)


def output_of(case: Case, name: str, dtype: torch.dtype) -> np.ndarray:
    """The authors' run in that precision; gradients and statistics come from float64 alone."""
    bits = 64 if dtype == torch.float64 else 32
    names = (f"out_{name}", f"out_{name}_f{bits}", f"out_{name}_f64")
    return next(case[key] for key in names if key in case)


def error(ours: Tensor, theirs: np.ndarray, scale: float = 0.0) -> float:
    """Relative to the largest value, or to a scale that is larger; as it is where all are 0."""
    return float(np.abs(ours.detach().numpy() - theirs).max() / (max(np.abs(theirs).max(), scale) or 1))
