"""A memory of what classes look like: features of images as keys, classes as values (Tip-Adapter, for patches).

Axes: b images, n patches, d channels, m keys, c classes with the background first.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.tensors import at_least_float32, wide_dtype

LOUDEST = 20.0
"""The largest exponent in retrieval: learned keys may grow, but what they say stays finite."""


class KeyValueCache(nn.Module):
    """Static retrieval: `forward` says how much the keys that a patch is like speak for each class.

    All is kept in buffers, so that a cache is its `state_dict`: `KeyValueCache(**state)` is the same one again.

    Args:
        keys: directions of length 1, `centre` taken off before.
        values: what each key says, 0 or more.
        centre: what is taken off each direction before it is compared; zeros for nothing.
        pictured: the class, from 1 up, whose pictures each key comes from, also of background keys.
        support: how many images each key is the mean of.

    Raises:
        ValueError: numbers of keys differ.
    """

    keys: Float[Tensor, "m d"]
    values: Float[Tensor, "m c"]
    centre: Float[Tensor, " d"]
    pictured: Int64[Tensor, " m"]
    support: Int64[Tensor, " m"]

    def __init__(self, keys: Tensor, values: Tensor, centre: Tensor, pictured: Tensor, support: Tensor) -> None:
        super().__init__()
        counts = {len(part) for part in (keys, values, pictured, support)}
        if len(counts) > 1:
            raise ValueError(
                f"expected one value, class and support for each of {len(keys)} keys, got {counts} of them"
            )
        self.register_buffer("keys", keys)
        self.register_buffer("values", values)
        self.register_buffer("centre", centre)
        self.register_buffer("pictured", pictured)
        self.register_buffer("support", support)

    def forward(self, features: Float[Tensor, "b n d"], sharpness: float = 5.5) -> Float[Tensor, "b n c"]:
        """Features of any length. Without keys, 0. Source: DiCLIP, Eq. 2."""
        return retrieved(directions(features, self.centre), self.keys, self.values, sharpness)

    def unknown(self) -> list[int]:
        """Classes, from 1 up, that no key speaks for."""
        known = self.values.gt(0).any(dim=0).tolist()
        return [label for label in range(1, len(known)) if not known[label]]


def retrieved(
    queries: Float[Tensor, "b n d"], keys: Float[Tensor, "m d"], values: Float[Tensor, "m c"], sharpness: float = 5.5
) -> Float[Tensor, "b n c"]:
    """Values weighed by exp(-sharpness (1 - likeness)) of query and key, their product; in at least float32.

    Source: Zhang et al., ECCV 2022 (Tip-Adapter), Eq. 3, whose sharpness lies between 1 and 5.5; golden tip_adapter.
    """
    precision = wide_dtype(queries)
    with torch.autocast(queries.device.type, enabled=False):
        likeness = queries.to(precision) @ keys.to(precision).mT
        scores: Tensor = activation(likeness, sharpness) @ values.to(precision)
    return scores


def activation(likeness: Float[Tensor, "b n m"], sharpness: float) -> Float[Tensor, "b n m"]:
    """Changes what it is given; 1 where likeness is 1, but never more than e to the power of `LOUDEST`."""
    return likeness.sub_(1).mul_(sharpness).clamp_(max=LOUDEST).exp_()


def directions(features: Float[Tensor, "*any d"], centre: Float[Tensor, " d"]) -> Float[Tensor, "*any d"]:
    """Features at length 1, the centre taken off, at length 1 again; zeros stay what minus the centre is."""
    values = F.normalize(at_least_float32(features), dim=-1)
    return F.normalize(values - centre.to(values), dim=-1)
