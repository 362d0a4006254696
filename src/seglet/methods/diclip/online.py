"""A memory that grows with the user's own images: the paper names it as future work and leaves it open.

Axes: d channels, k classes without background, s places for each, m places that are filled.
"""

import hashlib

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.models.clip_cache.cache import unit_directions


class OnlineKeys(nn.Module):
    """The last `places` confident regions of each class, with where they come from; the oldest gives way.

    All is in buffers and so part of a checkpoint. `step` and `picture` are each key's provenance: the optimiser step at
    which it was learned and the first 63 bits of the SHA-256 of its image's id; -1 where a place is empty.
    """

    keys: Float[Tensor, "k s d"]
    step: Int64[Tensor, "k s"]
    picture: Int64[Tensor, "k s"]  # named so in the checkpoints of 0.1.0
    learned: Int64[Tensor, " k"]

    def __init__(self, classes: int, places: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(classes, places, dim))
        self.register_buffer("step", torch.full((classes, places), -1))
        self.register_buffer("picture", torch.full((classes, places), -1))
        self.register_buffer("learned", torch.zeros(classes, dtype=torch.long))

    @torch.no_grad()
    def learn(
        self, feature: Float[Tensor, " d"], centre: Float[Tensor, " d"], label: int, origin: tuple[int, str]
    ) -> None:
        """Remembers the mean feature of a region as a key of the class `label`; `origin` is a step and an id."""
        index = label - 1  # no key is of the background
        place = int(self.learned[index]) % self.keys.shape[1]
        self.keys[index, place] = unit_directions(feature, centre).to(self.keys)
        self.step[index, place] = origin[0]
        self.picture[index, place] = number(origin[1])
        self.learned[index] += 1

    def filled(self) -> tuple[Float[Tensor, "m d"], Float[Tensor, "m c"]]:
        """Keys, and one-hot values among the background and the classes."""
        known = self.step >= 0
        labels = torch.arange(1, len(self.keys) + 1, device=self.keys.device)[:, None].expand_as(known)[known]
        return self.keys[known], F.one_hot(labels, len(self.keys) + 1).to(self.keys)


def number(image: str) -> int:
    return int.from_bytes(hashlib.sha256(image.encode()).digest()[:8], "big") >> 1
