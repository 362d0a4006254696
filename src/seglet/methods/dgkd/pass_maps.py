"""Maps of a forward pass that are distilled: layer 3, layer 6 and the masks.

Axes: b images, c channels, k classes with the background first, f foreground classes, h rows, w columns.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from seglet.models.multiscale import remove_absent_classes
from seglet.models.network import Network
from seglet.tensors import resize_align_corners


@dataclass(frozen=True)
class PassMaps:
    """Features and logits of a forward pass.

    `shallow` is the stage at stride 4 before depth is fused into it (layer 3), `deep` the last stage (layer 6).
    """

    shallow: Float[Tensor, "b c h w"]
    deep: Float[Tensor, "b d h2 w2"]
    logits: Float[Tensor, "b k h3 w3"]

    def masks(self, size: tuple[int, int], tags: Float[Tensor, "b f"] | None) -> Float[Tensor, "b k h4 w4"]:
        """Returns class probabilities at `size`, without classes that are not tagged, if tags are given."""
        masks = resize_align_corners(self.logits.float().softmax(dim=1), size)
        return masks if tags is None else remove_absent_classes(masks, tags)

    def maps(self, size: tuple[int, int], tags: Float[Tensor, "b f"] | None) -> dict[str, Tensor]:
        """Returns all three maps by the names of their branches."""
        return {"shallow": self.shallow, "deep": self.deep, "mask": self.masks(size, tags)}


def run_with_maps(network: Network, images: Float[Tensor, "b planes h w"]) -> PassMaps:
    """Runs a network on images and returns the maps to distil."""
    backbone = network.backbone.forward_stages(images)
    logits, _ = network.classify(network.head.stem(backbone.stages))
    return PassMaps(backbone.unguided[network.backbone.shallow], backbone.stages[-1], logits)
