"""Interface of backbones, which heads rely on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.layers.initialise import CustomInitialisation
from seglet.models.layers.normalise import Normalise

if TYPE_CHECKING:
    from seglet.models.layers.depth_fusion import DepthFusion

Stages = tuple[Tensor, ...]
"""Feature maps, finest first; one may be as fine as the one before it. Convolutional networks and Mix Transformers have
four, a plain transformer one for each layer.
"""

StageFunction = Callable[[Tensor], Tensor]
StageFunctions = tuple[StageFunction, ...]
"""Functions that compute each stage from the one before it, the first from normalised images."""


@dataclass(frozen=True)
class StageFeatures:
    """Feature maps with depth guidance, and each stage as it was before guidance; the same where there is none."""

    stages: Stages
    unguided: Stages


class Backbone(CustomInitialisation):
    """Maps images in [0, 1] to the feature maps of its stages, `channels` wide each.

    With a `fusion`, depth is the fourth channel of images, in [0, 1], and guides the first stages.
    """

    channels: tuple[int, ...]

    shallow: ClassVar[int] = 0
    """Index of the stage at stride 4, which decoders take for edges."""

    layered: ClassVar[bool] = True
    """True if its layers stand in its modules in the order of their depth."""

    fusion: "DepthFusion | None"

    origin: str = ""
    """The source that weights were copied from when the network was made; empty if they started from chance."""

    def __init__(self, normalise: Normalise) -> None:
        super().__init__()
        self.normalise = normalise
        self.fusion = None

    def forward(self, images: Float[Tensor, "b planes h w"]) -> Stages:
        return self.forward_stages(images).stages

    def forward_stages(self, images: Float[Tensor, "b planes h w"]) -> StageFeatures:
        """Returns the feature maps of all stages.

        Raises:
            ValueError: depth is there and not wanted, or wanted and not there, or too small; see `DepthPrior`.
        """
        prior = self.depth_prior(images)
        features: Tensor = self.normalise(images[:, : self.colours])
        own: list[Tensor] = []
        stages: list[Tensor] = []
        for place, step in enumerate(self.stage_functions()):
            own.append(step(features))
            features = self.guided(place, own[-1], prior)
            stages.append(features)
        return StageFeatures(tuple(stages), tuple(own))

    @property
    def colours(self) -> int:
        """Number of channels of its images, without depth."""
        return int(self.normalise.mean.shape[1])

    @property
    def guided_channels(self) -> tuple[int, ...]:
        """Channels of the maps that depth guides, stage by stage."""
        return self.channels

    def layers_by_depth(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Returns the parts of each layer, the stem first, where their order in its modules does not show them."""
        return ()

    def added_parts(self) -> tuple[nn.Module, ...]:
        """Returns the parts for which pretrained weights never exist, so that they train as a head does."""
        return ()

    def pretrained_state(self) -> dict[str, Tensor]:
        """Returns the tensors that pretrained weights may give: all but those of depth guidance and of added parts."""
        added = [part for part in (self.fusion, *self.added_parts()) if part is not None]
        starts = tuple(f"{name}." for name, child in self.named_children() if any(child is part for part in added))
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith(starts)}

    def depth_prior(self, images: Float[Tensor, "b planes h w"]) -> Tensor | None:
        """Returns the depth prior of the fourth channel; None for a backbone without depth guidance.

        Raises:
            ValueError: see `forward_stages`.
        """
        wanted, found = self.colours + (self.fusion is not None), images.shape[1]
        if found != wanted:
            cure = "; give depth as a fourth plane" if self.fusion is not None else ""
            raise ValueError(f"expected images of {wanted} planes, got {found}{cure}")
        return None if self.fusion is None else self.fusion.prior_of(images[:, self.colours :])

    def guided(self, place: int, features: Float[Tensor, "b c h w"], prior: Tensor | None) -> Float[Tensor, "b c h w"]:
        """Returns the features of a stage after depth guidance, or the very same tensor where it does not apply."""
        if self.fusion is None or prior is None or place >= len(self.fusion.transforms):
            return features
        return self.fusion.guide(place, features, prior)

    def stage_functions(self) -> StageFunctions:
        """Returns the function to each stage from the one before it, from normalised images to the first.

        There are none where `forward_stages` is overridden.
        """
        return ()

    def set_normalisation(self, normalise: Normalise) -> None:
        """Sets the input convention, and recreates other values that are neither weights nor statistics."""
        self.normalise = normalise
