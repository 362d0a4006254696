"""Networks of transformers as backbones, where seglet has none of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFeatures
from seglet.models.foundation.auto_backbone import build_auto_backbone
from seglet.models.foundation.image_input import at_least, round_to_multiple
from seglet.models.layers.dropout import DropPath
from seglet.models.layers.feature_pyramid import ALL_STAGES, FeaturePyramid, StageReading
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased


class TransformersBackbone(Backbone):
    """Four stages of a backbone that transformers builds; those of one size become a feature pyramid.

    Images for stages of one size are resized to the nearest multiples of its stride, and images smaller than the
    largest stride to that. Stochastic depth, if the model has any, draws as that of seglet's own networks; dropout is
    off.

    Args:
        shape: what `describe_auto_backbone` returns.
        reading: the stages that a head reads.
    """

    layered: ClassVar[bool] = False

    def __init__(self, shape: Mapping[str, Any], normalise: Normalise, reading: StageReading = ALL_STAGES) -> None:
        super().__init__(normalise)
        self.shape = shape
        self.model = self._build()
        channels, strides = (tuple(map(int, shape[key])) for key in ("channels", "strides"))
        plain = len(set(strides)) == 1
        self.multiple, self.smallest = (strides[0], 1) if plain else (1, max(strides))
        self.pyramid = FeaturePyramid(channels, strides[0], reading) if plain else None
        self.channels = channels if self.pyramid is None else self.pyramid.channels
        self.set_normalisation(normalise)

    def _build(self) -> nn.Module:
        network = build_auto_backbone(self.shape["config"])
        for name, part in list(network.named_modules()):
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            if type(part).__name__.lower().endswith("droppath") and name:
                parent, _, own = name.rpartition(".")
                setattr(network.get_submodule(parent), own, DropPath(float(getattr(part, "drop_prob", None) or 0.0)))
        return network

    def forward_stages(self, images: Float[Tensor, "b planes h w"]) -> StageFeatures:
        """Returns the maps of the four stages.

        Raises:
            ValueError: the images have depth, which cannot reach the stages one after the other.
        """
        self.depth_prior(images)
        rounded = round_to_multiple((images.shape[2], images.shape[3]), self.multiple)
        size = at_least(rounded, self.smallest)
        maps: tuple[Tensor, ...] = self.model(resize_antialiased(self.normalise(images), size)).feature_maps
        stages = tuple(maps) if self.pyramid is None else self.pyramid(maps)
        return StageFeatures(stages, stages)

    def added_parts(self) -> tuple[nn.Module, ...]:
        """Returns the pyramid, if there is one."""
        return () if self.pyramid is None else (self.pyramid,)

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws all weights as transformers does."""
        seed = int(torch.randint(2**31, (), generator=generator))
        fresh = self._fresh(seed)
        for name, parameter in self.model.named_parameters():
            parameter.copy_(fresh.get_parameter(name))
        for name, buffer in self.model.named_buffers():
            buffer.copy_(fresh.get_buffer(name))

    def _fresh(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.manual_seed(seed)
            return self._build()

    def set_normalisation(self, normalise: Normalise) -> None:
        """Sets the input convention, and the tables that are no weights, which memory may not have held yet."""
        super().set_normalisation(normalise)
        kept = self.model.state_dict().keys()
        tables = [name for name, _ in self.model.named_buffers() if name not in kept]
        if not tables:
            return
        fresh = self._fresh(0)
        for name in tables:
            parent, _, own = name.rpartition(".")
            setattr(self.model.get_submodule(parent), own, nn.Buffer(fresh.get_buffer(name), persistent=False))
