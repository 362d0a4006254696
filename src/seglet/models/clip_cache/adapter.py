"""Trainable key-value cache: two layers whose weights start as keys and values.

Axes: b images, n patches, d channels, m keys, k classes with the background first.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.clip_cache.cache import KeyValueCache, cache_activation, unit_directions


class CacheAdapter(nn.Module):
    """Dynamic retrieval. It starts with the scores of the cache, as the values of its prompts are 0.

    Prompts are keys that belong to no class until they have learned one. They are drawn: keys with deviation 0.02.
    The cache itself does not change.

    Args:
        prompts: how many; 92 on VOC, where the cache has 220 keys.
        random: keys and values of the cache are drawn too, of about the keys' length and with deviation 0.02, instead
            of copied: Table V shows what that costs.

    Raises:
        ValueError: a negative number of prompts.

    Source: DiCLIP, Eq. 12 and Table VI (f); the prompts' first values are our reading.
    """

    centre: Float[Tensor, " d"]

    def __init__(
        self,
        cache: KeyValueCache,
        generator: torch.Generator,
        prompts: int = 92,
        random: bool = False,
        sharpness: float = 5.5,
    ) -> None:
        super().__init__()
        if prompts < 0:
            raise ValueError(f"expected a number of prompts from 0 up, got {prompts}")
        self.sharpness = sharpness
        keys, values = cache.keys, cache.values
        if random:
            keys = _drawn(tuple(keys.shape), keys.shape[1] ** -0.5, generator).to(keys)
            values = _drawn(tuple(values.shape), 0.02, generator).to(values)
        new = _drawn((prompts, keys.shape[1]), 0.02, generator).to(keys)
        self.keys = nn.Parameter(torch.cat([keys, new]))
        self.values = nn.Parameter(torch.cat([values, values.new_zeros(prompts, values.shape[1])]))
        self.key_bias = nn.Parameter(keys.new_zeros(len(self.keys)))
        self.value_bias = nn.Parameter(values.new_zeros(values.shape[1]))
        self.register_buffer("centre", cache.centre.clone())

    def forward(self, features: Float[Tensor, "b n d"]) -> Float[Tensor, "b n k"]:
        """Returns class scores of features of any length, in at least float32."""
        with torch.autocast(features.device.type, enabled=False):
            queries = unit_directions(features, self.centre)
            similarity = queries @ self.keys.to(queries).mT + self.key_bias
            scores: Tensor = cache_activation(similarity, self.sharpness) @ self.values.to(queries) + self.value_bias
        return scores


def _drawn(shape: tuple[int, ...], deviation: float, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device) * deviation
