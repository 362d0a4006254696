"""Ring buffers of unit vectors, one for each class. Axes: k classes, s slots, d channels."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn


class VectorQueue(nn.Module):
    """Ring buffers that start full of random directions, as CIRKD's do, so that there is always something to read.

    Vectors that would reach the end of a ring go to its last slots, and the next ones to its beginning.

    Raises:
        ValueError: there would be no class, slot or channel.
    """

    vectors: Float[Tensor, "k s d"]
    position: Integer[Tensor, " k"]

    def __init__(self, classes: int, slots: int, channels: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if min(classes, slots, channels) < 1:
            raise ValueError(f"expected at least one class, slot and channel, got {classes}, {slots} and {channels}")
        self.register_buffer("vectors", F.normalize(torch.randn(classes, slots, channels, generator=generator), dim=2))
        self.register_buffer("position", torch.zeros(classes, dtype=torch.long))

    @torch.no_grad()
    def write(self, vectors: Float[Tensor, "k n d"], counts: Integer[Tensor, " k"]) -> None:
        """Writes the first `counts` vectors of each class, but never more than it has slots."""
        slots = self.vectors.shape[1]
        counts = counts.clamp(max=slots)
        full = self.position + counts >= slots
        begin = torch.where(full, slots - counts, self.position)
        order = torch.arange(vectors.shape[1], device=vectors.device)
        classes, steps = torch.nonzero(order < counts[:, None], as_tuple=True)
        self.vectors[classes, begin[classes] + steps] = vectors[classes, steps].to(self.vectors.dtype)
        self.position.copy_(torch.where(counts == 0, self.position, torch.where(full, 0, begin + counts)))

    def read(self, slots: Integer[Tensor, " n"]) -> Float[Tensor, "k_n d"]:
        """Returns the same slots of every class, class after class."""
        return self.vectors[:, slots].flatten(0, 1)
