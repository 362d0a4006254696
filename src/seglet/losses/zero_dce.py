"""Losses of a brightened image without a bright reference image (Zero-DCE).

Forms and weights are those of the authors' released code, which squares where the paper takes absolute values.
Axes: b images, h rows, w columns, n curves.

Source: Guo et al., CVPR 2020, Eq. 4-8.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32

_REGION, _PATCH = 4, 16
"""Sides in pixels of the squares that are averaged for structure and for exposure."""
_WELL_EXPOSED = 0.6
"""Wanted mean brightness; Sec. 3.3.2, where 0.4 to 0.7 hardly differ."""
TERM_WEIGHTS = {"structure": 1.0, "exposure": 10.0, "colour": 5.0, "smoothness": 200.0}


def zero_reference_terms(
    before: Float[Tensor, "b 3 h w"], after: Float[Tensor, "b 3 h w"], curves: Float[Tensor, "b n h w"]
) -> dict[str, Float[Tensor, ""]]:
    """The four terms, already weighted by `TERM_WEIGHTS`; their sum is the loss.

    Raises:
        ValueError: the images are smaller than 16 pixels, the patch of the exposure term.
    """
    if min(before.shape[2:]) < _PATCH:
        raise ValueError(f"expected images of at least {_PATCH}x{_PATCH}, got {tuple(before.shape[2:])}; enlarge them")
    terms = {
        "structure": structure_loss(before, after),
        "exposure": exposure_loss(after),
        "colour": colour_loss(after),
        "smoothness": smoothness_loss(curves),
    }
    return {name: TERM_WEIGHTS[name] * term for name, term in terms.items()}


def structure_loss(before: Float[Tensor, "b 3 h w"], after: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Computes the squared change in contrast between neighbouring regions of 4x4 pixels, summed over neighbours.

    Regions at the border have fewer neighbours; the authors' code pads them with black ones.
    """
    bright, dark = (at_least_float32(images).mean(1, keepdim=True) for images in (after, before))
    change = F.avg_pool2d(bright - dark, _REGION)
    squares = change.diff(dim=2).square().sum() + change.diff(dim=3).square().sum()
    return 2 * squares / change.numel()  # Eq. 4; each pair counts from both sides


def exposure_loss(after: Float[Tensor, "b 3 h w"], wanted: float = _WELL_EXPOSED) -> Float[Tensor, ""]:
    """Computes the mean squared difference of patches of 16x16 pixels from the wanted brightness."""
    return (F.avg_pool2d(at_least_float32(after).mean(1, keepdim=True), _PATCH) - wanted).square().mean()  # Eq. 5


def colour_loss(after: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Computes the distance between the mean red, green and blue of an image (grey-world assumption)."""
    red, green, blue = at_least_float32(after).mean((2, 3)).unbind(1)
    apart = torch.stack([(red - green).square(), (red - blue).square(), (green - blue).square()])
    tiny = torch.finfo(apart.dtype).tiny  # no NaN in the gradient of a grey image
    return apart.square().sum(0).clamp_min(tiny).sqrt().mean()  # Eq. 6


def smoothness_loss(curves: Float[Tensor, "b n h w"]) -> Float[Tensor, ""]:
    """Computes squared differences of neighbours in each curve map, averaged over pixels and summed over curves."""
    values = at_least_float32(curves)
    down, across = values.diff(dim=2).square().mean((2, 3)), values.diff(dim=3).square().mean((2, 3))
    return 2 * (down + across).sum(1).mean()  # Eq. 7
