"""The hash rule of the golden networks: weights that depend on their published name alone."""

import math
import zlib

import numpy as np
import torch
from torch import Tensor


def hashed(name: str, count: int) -> np.ndarray:
    """Uniform in [-1, 1), by a 32-bit integer hash."""
    x = np.arange(count, dtype=np.uint32) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    return x / 2.0**31 - 1


def hash_weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """Returns the weights of the golden networks."""
    u = hashed(name, math.prod(shape)).reshape(shape)
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    if name.endswith("running_mean"):
        u = 0.1 * u
    elif name.endswith("running_var"):
        u = 1 + 0.5 * u
    elif name.endswith(("weight_u", "weight_v")):
        u = u / np.linalg.norm(u)
    elif name.endswith("gamma"):
        u = np.full(shape, 0.3)
    elif len(shape) > 1:
        u = u * math.sqrt(6 / math.prod(shape[1:]))
    else:
        u = 0.1 * u if name.endswith("bias") else 1 + 0.1 * u
    return torch.from_numpy(u.astype(np.float32))
