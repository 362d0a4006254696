"""A WideResNet38 that is told depth on the way.

Axes: b images, c channels, h rows, w columns.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbone import Stages
from seglet.models.depth_fusion import DepthFusion
from seglet.models.wide_resnet38 import WideResNet38


@dataclass(frozen=True)
class GuidedStages:
    """The stages as the decoder takes them, and the second as it was before depth reached it, which is distilled."""

    stages: Stages
    shallow: Float[Tensor, "b c h w"]


class GuidedWideResNet38(nn.Module):
    """Depth enters behind the first stages, one for each place of `fusion`; the authors have three.

    Source: DGKD-WLSS, models/utils.py: behind b2_2, b3_2 and b4_5; the map to distil is taken before the second.
    """

    def __init__(self, backbone: WideResNet38, fusion: DepthFusion) -> None:
        super().__init__()
        places = len(fusion.transforms)
        if places > 3:
            raise ValueError(f"expected at most 3 places to tell depth to, one for each early stage, got {places}")
        self.backbone, self.fusion = backbone, fusion

    def forward(self, images: Float[Tensor, "b 3 h w"], depth: Float[Tensor, "b _ h w"]) -> GuidedStages:
        """Images in [0, 1]; depth of any size, scaled as it was in training."""
        prior, whole = self.fusion.prior(depth), self.backbone.normalise(images)
        first = self._told(0, self.backbone.layer2(self.backbone.stem(whole)), prior)
        shallow: Tensor = self.backbone.layer3(first)
        second = self._told(1, shallow, prior)
        third = self._told(2, self.backbone.layer4(second), prior)
        return GuidedStages((first, second, third, self.backbone.last(third)), shallow)

    def _told(self, place: int, features: Tensor, prior: Tensor) -> Tensor:
        return self.fusion.at(place, features, prior) if place < len(self.fusion.transforms) else features
