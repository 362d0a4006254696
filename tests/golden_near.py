"""How near a number or a label must be to a golden one."""

import numpy as np
import torch
from torch import Tensor


def assert_near(ours: object, theirs: object, rtol: float = 1e-9) -> None:
    """Fails where an entry is further from theirs than `rtol` of the two: itself and the largest of the array.

    Where theirs is 0 everywhere, ours may be a thousandth of `rtol`: a sum that vanishes leaves rounding errors.
    """
    found = ours.detach().cpu().numpy() if isinstance(ours, Tensor) else np.asarray(ours)
    wanted = np.asarray(theirs)
    largest = np.abs(wanted).max(initial=0)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * largest + rtol / 1000)


def assert_same_labels(ours: object, theirs: object, *scores: Tensor) -> None:
    """Fails where labels differ, but for places where the best two of some `scores` [b k h w] are a tie to 1e-5."""
    tied = np.zeros(np.shape(theirs), dtype=bool)
    for each in scores:
        first, second = torch.as_tensor(each).detach().topk(2, dim=1).values.unbind(1)
        tied |= (first - second <= 1e-5 * first.abs()).numpy()
    assert tied.mean() < 0.01
    np.testing.assert_array_equal(np.asarray(ours)[~tied], np.asarray(theirs)[~tied])
