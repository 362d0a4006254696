"""A backbone and a head, as training sees them: logits, the distilled feature and the auxiliary logits."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone
from seglet.models.heads.base import Head


@dataclass(frozen=True)
class Embedding:
    """What the deterministic part of a network makes of images."""

    trunk: Float[Tensor, "b c h w"]
    auxiliary_in: Float[Tensor, "b d h2 w2"] | None
    """What the auxiliary head reads; None if the network has none."""


@dataclass(frozen=True)
class Prediction:
    """Everything at the head's own resolution: 1/8 of the image for most networks, 1/4 for SegFormer.

    `feature` is the map that feature distillation compares; `auxiliary` is None outside training.
    """

    logits: Float[Tensor, "b k h w"]
    feature: Float[Tensor, "b c h w"]
    auxiliary: Float[Tensor, "b k h2 w2"] | None


class Network(nn.Module):
    """`forward` is `embed`, then `finish`; the auxiliary head, if any, runs in training mode only."""

    def __init__(self, backbone: Backbone, head: Head, auxiliary: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.auxiliary = auxiliary

    def embed(self, images: Float[Tensor, "b planes h w"]) -> Embedding:
        """The backbone, and the head up to its first dropout; images have three planes, or depth as a fourth."""
        stages = self.backbone(images)
        return Embedding(self.head.stem(stages), None if self.auxiliary is None else stages[2])

    def finish(self, trunk: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b k h w"], Float[Tensor, "b d h w"]]:
        """Logits and feature, from the head's first dropout on."""
        logits, feature = self.head.tail(trunk)
        return logits, feature

    def complete(self, embedding: Embedding) -> Prediction:
        """The rest of `forward`, for callers that need the embedding for something else too."""
        logits, feature = self.finish(embedding.trunk)
        if self.auxiliary is None or embedding.auxiliary_in is None or not self.training:
            return Prediction(logits, feature, None)
        return Prediction(logits, feature, self.auxiliary(embedding.auxiliary_in))

    def forward(self, images: Float[Tensor, "b planes h w"]) -> Prediction:
        return self.complete(self.embed(images))
