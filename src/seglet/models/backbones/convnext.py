"""ConvNeXt and ConvNeXt V2: depthwise 7x7 convolutions and perceptrons, arranged as in a transformer.

Source: Liu et al., CVPR 2022; Woo et al., ConvNeXt V2, CVPR 2023.
"""

from collections import OrderedDict
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFeatures, StageFunctions
from seglet.models.backbones.variants import ConvNeXtShape
from seglet.models.foundation.image_input import round_to_multiple
from seglet.models.layers.dropout import DropPath
from seglet.models.layers.feature_pyramid import ChannelNorm
from seglet.models.layers.initialise import CustomInitialisation
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased

_EXPANSION = 4
_FIRST_SCALE = 1e-6
"""Value at which the factors of the blocks' channels start, in the first version."""


class ResponseNorm(CustomInitialisation):
    """Global response normalisation: each channel times its share of the whole response, added to itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def draw_weights(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, features: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h w c"]:
        response = torch.linalg.vector_norm(features, dim=(1, 2), keepdim=True)
        share = response / (response.mean(-1, keepdim=True) + 1e-6)
        spread: Tensor = features + self.weight * (features * share) + self.bias
        return spread


class ConvNeXtBlock(CustomInitialisation):
    """Depthwise convolution, norm and a perceptron on channels, added to the input."""

    def __init__(self, channels: int, shape: ConvNeXtShape, dilation: int, drop_path: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, 1, 3 * dilation, dilation, channels)
        self.norm = nn.LayerNorm(channels, eps=shape.epsilon)
        self.widen = nn.Linear(channels, _EXPANSION * channels)
        self.response = ResponseNorm(_EXPANSION * channels) if shape.second else nn.Identity()
        self.narrow = nn.Linear(_EXPANSION * channels, channels)
        self.scale = None if shape.second else nn.Parameter(torch.full((channels,), _FIRST_SCALE))
        self.drop_path = DropPath(drop_path)

    def draw_weights(self, generator: torch.Generator) -> None:
        if self.scale is not None:
            nn.init.constant_(self.scale, _FIRST_SCALE)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        last = self.norm(self.depthwise(features).permute(0, 2, 3, 1))
        branch = self.narrow(self.response(F.gelu(self.widen(last))))
        scaled = branch if self.scale is None else branch * self.scale
        total: Tensor = features + self.drop_path(scaled.permute(0, 3, 1, 2))
        return total


class Reduction(nn.Sequential):
    """Norm and a 2x2 convolution with a stride; where dilation replaces that, sides are kept by padding."""

    def __init__(self, inside: int, outside: int, epsilon: float, dilation: int) -> None:
        own = max(1, dilation // 2)
        pad = nn.Identity() if dilation == 1 else nn.ZeroPad2d((own // 2, own - own // 2) * 2)
        conv = nn.Conv2d(inside, outside, 2, 2 if dilation == 1 else 1, dilation=own)
        super().__init__(OrderedDict({"0": ChannelNorm(inside, eps=epsilon), "pad": pad, "1": conv}))


class ConvNeXtStage(nn.Module):
    """Reduction of the map before, then blocks."""

    def __init__(self, reduction: nn.Module, blocks: list[ConvNeXtBlock]) -> None:
        super().__init__()
        self.reduction = reduction
        self.blocks = nn.ModuleList(blocks)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        features = self.reduction(features)
        for block in self.blocks:
            features = block(features)
        return features


class ConvNeXt(Backbone):
    """ConvNeXt whose stages are tapped behind norms of their own, as in its authors' segmentation.

    Images whose sides are no multiples of the last stage's stride are resized to the nearest ones.

    Args:
        shape: channels and blocks of the stages, and the version.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.
        drop_path: of the last block; earlier ones ramp up from 0.
        read: which of the stages a head reads; the others are not normalised.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(
        self,
        shape: ConvNeXtShape,
        normalise: Normalise,
        output_stride: int = 32,
        drop_path: float = 0.0,
        read: tuple[int, ...] = (0, 1, 2, 3),
    ) -> None:
        super().__init__(normalise)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"expected an output stride of 8, 16 or 32, got {output_stride}")
        self.output_stride = output_stride
        self.channels = tuple(shape.channels)
        first = shape.channels[0]
        self.stem = nn.Sequential(nn.Conv2d(3, first, 4, 4), ChannelNorm(first, eps=shape.epsilon))
        dilations = [max(1, stride // output_stride) for stride in (4, 8, 16, 32)]
        last = max(1, sum(shape.depths) - 1)
        ramp = iter([drop_path * block / last for block in range(last + 1)])
        reductions = (
            nn.Identity(),
            *(
                Reduction(inside, outside, shape.epsilon, dilation)
                for (inside, outside), dilation in zip(pairwise(shape.channels), dilations[1:], strict=True)
            ),
        )
        self.stages = nn.ModuleList(
            ConvNeXtStage(reduction, [ConvNeXtBlock(channels, shape, dilation, next(ramp)) for _ in range(depth)])
            for reduction, channels, depth, dilation in zip(
                reductions, shape.channels, shape.depths, dilations, strict=True
            )
        )
        self.norms = nn.ModuleList(
            ChannelNorm(channels, eps=shape.epsilon) if place in read else nn.Identity()
            for place, channels in enumerate(shape.channels)
        )

    def stage_functions(self) -> StageFunctions:
        _, *others = self.stages
        return self.first, *others

    def first(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Computes the first stage from normalised images."""
        size = round_to_multiple((images.shape[2], images.shape[3]), self.output_stride)
        stage: Tensor = self.stages[0](self.stem(resize_antialiased(images, size)))
        return stage

    def forward_stages(self, images: Float[Tensor, "b planes h w"]) -> StageFeatures:
        """Returns the stages behind their norms.

        Raises:
            ValueError: see `Backbone.forward_stages`.
        """
        found = super().forward_stages(images)
        stages = tuple(norm(stage) for norm, stage in zip(self.norms, found.stages, strict=True))
        if self.fusion is None:
            return StageFeatures(stages, stages)
        return StageFeatures(stages, tuple(norm(stage) for norm, stage in zip(self.norms, found.unguided, strict=True)))

    def added_parts(self) -> tuple[nn.Module, ...]:
        return (self.norms,)
