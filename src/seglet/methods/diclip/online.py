"""Cache keys that are learned online from the user's own images, which the paper names as future work.

Axes: d channels, k classes, f foreground classes, s places for each, m places that are filled.
"""

import hashlib

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.models.clip_cache.cache import unit_directions


class OnlineKeys(nn.Module):
    """Keys of the last `places` confident regions of each foreground class, with their origin.

    Everything is in buffers and so part of a checkpoint. The origin of a key is the optimiser step (`step`) at which it
    was learned and the first 63 bits of the SHA-256 of its image's id (`picture`); both are -1 where a place is empty.
    """

    keys: Float[Tensor, "f s d"]
    step: Int64[Tensor, "f s"]
    picture: Int64[Tensor, "f s"]  # named so in the checkpoints of 0.1.0
    learned: Int64[Tensor, " f"]

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
        """Stores the mean feature of a region as a key of the class `label`, in place of the oldest if all are taken.

        `origin` is an optimiser step and the id of an image.
        """
        index = label - 1  # no key is of the background
        place = int(self.learned[index]) % self.keys.shape[1]
        self.keys[index, place] = unit_directions(feature, centre).to(self.keys)
        self.step[index, place] = origin[0]
        self.picture[index, place] = image_number(origin[1])
        self.learned[index] += 1

    def filled(self) -> tuple[Float[Tensor, "m d"], Float[Tensor, "m k"]]:
        """Returns the keys that are there and their values, one-hot among all classes."""
        known = self.step >= 0
        labels = torch.arange(1, len(self.keys) + 1, device=self.keys.device)[:, None].expand_as(known)[known]
        return self.keys[known], F.one_hot(labels, len(self.keys) + 1).to(self.keys)


def image_number(image: str) -> int:
    """Returns a number that stands for the id of an image."""
    return int.from_bytes(hashlib.sha256(image.encode(errors="surrogateescape")).digest()[:8], "big") >> 1
