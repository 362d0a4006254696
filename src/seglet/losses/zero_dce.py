"""What a brightened image has to be like, with no bright one to compare it with (Zero-DCE).

Forms and weights are those of the authors' released code, which squares where the paper takes absolute values.
Axes: b images, h rows, w columns, n curves.

Source: Guo et al., CVPR 2020, Eq. 4-8.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32

REGION, PATCH = 4, 16
"""Sides of what is averaged for structure and for exposure."""
WELL_EXPOSED = 0.6
"""Sec. 3.3.2; 0.4 to 0.7 hardly differ."""
WEIGHTS = {"structure": 1.0, "exposure": 10.0, "colour": 5.0, "smoothness": 200.0}


def zero_reference_terms(
    before: Float[Tensor, "b 3 h w"], after: Float[Tensor, "b 3 h w"], curves: Float[Tensor, "b n h w"]
) -> dict[str, Float[Tensor, ""]]:
    """The four terms, already weighted by `WEIGHTS`; their sum is the loss.

    Raises:
        ValueError: images are smaller than a patch of exposure, 16 pixels.
    """
    if min(before.shape[2:]) < PATCH:
        raise ValueError(f"expected images of at least {PATCH}x{PATCH}, got {tuple(before.shape[2:])}; enlarge them")
    terms = {
        "structure": structure(before, after),
        "exposure": exposure(after),
        "colour": colour(after),
        "smoothness": smoothness(curves),
    }
    return {name: WEIGHTS[name] * term for name, term in terms.items()}


def structure(before: Float[Tensor, "b 3 h w"], after: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """How differently neighbouring regions of 4x4 pixels differ before and after: squared, summed over neighbours.

    Regions at the edge have fewer neighbours; the authors' code gives them black ones.
    """
    bright, dark = (at_least_float32(images).mean(1, keepdim=True) for images in (after, before))
    change = F.avg_pool2d(bright - dark, REGION)
    squares = change.diff(dim=2).square().sum() + change.diff(dim=3).square().sum()
    return 2 * squares / change.numel()  # Eq. 4; each pair is met from both sides


def exposure(after: Float[Tensor, "b 3 h w"], wanted: float = WELL_EXPOSED) -> Float[Tensor, ""]:
    """Mean square of how far patches of 16x16 pixels are from the wanted brightness."""
    return (F.avg_pool2d(at_least_float32(after).mean(1, keepdim=True), PATCH) - wanted).square().mean()  # Eq. 5


def colour(after: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """How far red, green and blue are apart on average over an image: the grey world."""
    red, green, blue = at_least_float32(after).mean((2, 3)).unbind(1)
    apart = torch.stack([(red - green).square(), (red - blue).square(), (green - blue).square()])
    tiny = torch.finfo(apart.dtype).tiny  # no NaN in the gradient of a grey image
    return apart.square().sum(0).clamp_min(tiny).sqrt().mean()  # Eq. 6


def smoothness(curves: Float[Tensor, "b n h w"]) -> Float[Tensor, ""]:
    """Squared differences between neighbours of each curve map, averaged over places and summed over curves."""
    values = at_least_float32(curves)
    down, across = values.diff(dim=2).square().mean((2, 3)), values.diff(dim=3).square().mean((2, 3))
    return 2 * (down + across).sum(1).mean()  # Eq. 7
