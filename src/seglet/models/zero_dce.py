"""Zero-DCE: a small network that brightens an image by curves of its own for each pixel.

Axes: b images, c channels, h rows, w columns, n = 3 · iterations curves.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ZeroDCE(nn.Module):
    """Seven 3x3 convolutions, joined in pairs from the outside in; 79 416 parameters as published.

    Args:
        width: channels of the hidden layers; 32 as published.
        iterations: how often the curve is applied, each time with parameters of its own; 8 as published.

    Source: Guo et al., CVPR 2020, Eq. 3 and Fig. 2.
    """

    def __init__(self, width: int = 32, iterations: int = 8) -> None:
        super().__init__()
        if width < 1 or iterations < 1:
            raise ValueError(f"expected a width and iterations of 1 or more, got {width} and {iterations}")
        self.width, self.iterations = width, iterations
        insides = [3, *[width] * 3, *[2 * width] * 3]
        outsides = [*[width] * 6, 3 * iterations]
        self.layers = nn.ModuleList(map(_convolution, insides, outsides))

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Weights as the authors draw them, so that at first the curves hardly change an image."""
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                parameter.normal_(0, 0.02, generator=generator)
            else:
                parameter.zero_()

    def curves(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n h w"]:
        """The parameters of all curves, in [-1, 1]."""
        one, two, three, four, five, six, seven = self.layers
        first = one(images).relu()
        second = two(first).relu()
        third = three(second).relu()
        hidden = five(torch.cat([third, four(third).relu()], dim=1)).relu()
        hidden = six(torch.cat([second, hidden], dim=1)).relu()
        out: Tensor = seven(torch.cat([first, hidden], dim=1))
        return out.tanh()

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Brighter images, in [0, 1] as they were."""
        return enhanced(images, self.curves(images))


def _convolution(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)


def enhanced(images: Float[Tensor, "b 3 h w"], curves: Float[Tensor, "b n h w"]) -> Float[Tensor, "b 3 h w"]:
    """The curve x + α x (1 - x), one set of parameters after another; 0 and 1 stay, and order is kept."""
    for alpha in curves.chunk(curves.shape[1] // 3, dim=1):
        images = images + alpha * images * (1 - images)  # Eq. 3
    return images
