"""Key-value cache of class appearance: image features as keys, classes as values (Tip-Adapter, for patches).

Axes: b images, n patches, d channels, m keys, k classes with the background first.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.tensors import at_least_float32, wide_dtype

_MAX_EXPONENT = 20.0
"""Largest exponent in retrieval: learned keys may grow, but scores stay finite."""


class KeyValueCache(nn.Module):
    """Static retrieval: scores each class by the values of the keys that a patch resembles.

    All is kept in buffers, so that a cache is its `state_dict`: `KeyValueCache(**state)` is the same one again.

    Args:
        keys: directions of length 1, from which `centre` was subtracted.
        values: scores of the classes that each key stands for, 0 or more.
        centre: vector subtracted from each direction before it is compared; zeros for none.
        pictured: the class, from 1 up, of the images that each key comes from, also of background keys.
        support: how many images each key is the mean of.

    Raises:
        ValueError: numbers of keys differ.
    """

    keys: Float[Tensor, "m d"]
    values: Float[Tensor, "m k"]
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

    @classmethod
    def blank(cls, keys: int, channels: int, classes: int) -> "KeyValueCache":
        """Returns a cache of zeros, for an adapter of this size whose weights are drawn."""
        none = torch.zeros(keys, dtype=torch.long)
        return cls(torch.zeros(keys, channels), torch.zeros(keys, classes), torch.zeros(channels), none, none.clone())

    def forward(self, features: Float[Tensor, "b n d"], sharpness: float = 5.5) -> Float[Tensor, "b n k"]:
        """Returns class scores of features of any length; 0 without keys. Source: DiCLIP, Eq. 2."""
        return retrieve_values(unit_directions(features, self.centre), self.keys, self.values, sharpness)

    def classes_without_keys(self) -> list[int]:
        """Returns the classes, from 1 up, that no key stands for."""
        known = self.values.gt(0).any(dim=0).tolist()
        return [label for label in range(1, len(known)) if not known[label]]


def retrieve_values(
    queries: Float[Tensor, "b n d"], keys: Float[Tensor, "m d"], values: Float[Tensor, "m k"], sharpness: float = 5.5
) -> Float[Tensor, "b n k"]:
    """Returns values weighted by exp(-sharpness (1 - similarity)) of query and key, in at least float32.

    Source: Zhang et al., ECCV 2022 (Tip-Adapter), Eq. 3, whose sharpness lies between 1 and 5.5; golden tip_adapter.
    """
    precision = wide_dtype(queries)
    with torch.autocast(queries.device.type, enabled=False):
        similarity = queries.to(precision) @ keys.to(precision).mT
        scores: Tensor = cache_activation(similarity, sharpness) @ values.to(precision)
    return scores


def cache_activation(similarity: Float[Tensor, "b n m"], sharpness: float) -> Float[Tensor, "b n m"]:
    """Turns similarities into weights in place: 1 at similarity 1, at most e to the power of 20."""
    return similarity.sub_(1).mul_(sharpness).clamp_(max=_MAX_EXPONENT).exp_()


def unit_directions(features: Float[Tensor, "*any d"], centre: Float[Tensor, " d"]) -> Float[Tensor, "*any d"]:
    """Normalises features to unit length, subtracts the centre and normalises again; zeros become minus the centre."""
    values = F.normalize(at_least_float32(features), dim=-1)
    return F.normalize(values - centre.to(values), dim=-1)
