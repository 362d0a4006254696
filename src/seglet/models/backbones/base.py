"""What a head may expect of any backbone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float
from torch import Tensor

from seglet.models.layers.initialise import CustomInitialisation
from seglet.models.layers.normalise import Normalise

if TYPE_CHECKING:
    from seglet.models.layers.depth_fusion import DepthFusion

Stages = tuple[Tensor, ...]
"""Feature maps, finest first; one may be as fine as the one before it. Four stages of a convolutional network or a Mix
Transformer, each layer of a plain transformer."""

Step = Callable[[Tensor], Tensor]
Steps = tuple[Step, ...]
"""What makes each stage of the one before it, the first of normalised images."""


@dataclass(frozen=True)
class Sight:
    """The stages as the head takes them, and each as it was before depth reached it; the same where none does."""

    stages: Stages
    own: Stages


class Backbone(CustomInitialisation):
    """Images in [0, 1] to the feature maps of its stages, `channels` wide each.

    With a `fusion` images have depth as a fourth plane, in [0, 1], which is told to the first stages.
    """

    channels: tuple[int, ...]

    shallow: ClassVar[int] = 0
    """Index of the stage at stride 4, which decoders take for edges."""

    fusion: "DepthFusion | None"

    def __init__(self, normalise: Normalise) -> None:
        super().__init__()
        self.normalise = normalise
        self.fusion = None

    def forward(self, images: Float[Tensor, "b planes h w"]) -> Stages:
        return self.look(images).stages

    def look(self, images: Float[Tensor, "b planes h w"]) -> Sight:
        """
        Raises:
            ValueError: depth is there and not wanted, or wanted and not there, or too small; see `DepthPrior`.
        """
        prior = self.prior(images)
        features: Tensor = self.normalise(images[:, :3])
        own: list[Tensor] = []
        stages: list[Tensor] = []
        for place, step in enumerate(self.steps()):
            own.append(step(features))
            features = self.told(place, own[-1], prior)
            stages.append(features)
        return Sight(tuple(stages), tuple(own))

    def prior(self, images: Float[Tensor, "b planes h w"]) -> Tensor | None:
        """What the fourth plane says, for `told`; None if nothing is told to this backbone.

        Raises:
            ValueError: see `look`.
        """
        wanted, found = 3 if self.fusion is None else 4, images.shape[1]
        if found != wanted:
            cure = "; give depth as a fourth plane" if wanted == 4 else ""
            raise ValueError(f"expected images of {wanted} planes, got {found}{cure}")
        return None if self.fusion is None else self.fusion.tell(images[:, 3:])

    def told(self, place: int, features: Float[Tensor, "b c h w"], prior: Tensor | None) -> Float[Tensor, "b c h w"]:
        """The features of a stage as depth changes them: the very same where it does not reach."""
        if self.fusion is None or prior is None or place >= len(self.fusion.transforms):
            return features
        return self.fusion.at(place, features, prior)

    def steps(self) -> Steps:
        """From normalised images to the first stage, and from each to the next; none where `look` does otherwise."""
        return ()

    def settle(self, normalise: Normalise) -> None:
        """Takes an input convention, and makes anew whatever else is neither weight nor statistic."""
        self.normalise = normalise
