"""How a distillation loss is held against a golden case, in both precisions, with its gradient."""

from collections.abc import Callable

import numpy as np
import torch
from tests.golden_near import assert_near
from torch import Tensor

Case = dict[str, np.ndarray]
Loss = Callable[[Tensor, Tensor], Tensor]


def check_loss(case: Case, loss: Loss, name: str, suffix: str = "feat") -> None:
    """`loss` of the stored student and teacher is `out_<name>`, its gradient with respect to the student too."""
    for dtype, ending, tolerance in ((torch.float64, "f64", 1e-9), (torch.float32, "f32", 1e-4)):
        student, teacher = (torch.from_numpy(case[f"in_{suffix}_{who}"]).to(dtype) for who in "ST")
        value = loss(student.requires_grad_(), teacher)
        (gradient,) = torch.autograd.grad(value, student)
        assert_near(value, case[f"out_{name}_{ending}"], tolerance)
        assert_near(gradient, case[f"out_grad_{suffix}_S__{name}"], tolerance)
