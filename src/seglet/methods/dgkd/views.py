"""What is distilled of a network's look at images: layer 3, layer 6, the masks.

Axes: b images, c channels, k classes with the background first, h rows, w columns, n = k - 1 classes.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from seglet.models.multiscale import remove_absent_classes
from seglet.models.network import Network
from seglet.tensors import resize_align_corners


@dataclass(frozen=True)
class View:
    """`shallow` is the stage at stride 4 before depth reaches it (layer 3), `deep` the last (layer 6, normalised)."""

    shallow: Float[Tensor, "b c h w"]
    deep: Float[Tensor, "b d h2 w2"]
    logits: Float[Tensor, "b k h3 w3"]

    def masks(self, size: tuple[int, int], tags: Float[Tensor, "b n"] | None) -> Float[Tensor, "b k h4 w4"]:
        """Class probabilities at `size`, without classes that the tags, if there are any, rule out."""
        masks = resize_align_corners(self.logits.float().softmax(dim=1), size)
        return masks if tags is None else remove_absent_classes(masks, tags)

    def maps(self, size: tuple[int, int], tags: Float[Tensor, "b n"] | None) -> dict[str, Tensor]:
        """All three by the names of their branches."""
        return {"shallow": self.shallow, "deep": self.deep, "mask": self.masks(size, tags)}


def look(network: Network, images: Float[Tensor, "b planes h w"]) -> View:
    """One pass."""
    seen = network.backbone.forward_stages(images)
    logits, _ = network.classify(network.head.stem(seen.stages))
    return View(seen.unguided[network.backbone.shallow], seen.stages[-1], logits)
