"""Refinement of class maps along the attention of a transformer (class-aware affinity, CLIP-ES).

Axes: b images, l layers, n = h·w patches, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.cam.boxes import inside_boxes
from seglet.tensors import at_least_float32


@torch.no_grad()
def refine_by_affinity(
    maps: Float[Tensor, "b k h w"], attention: Float[Tensor, "b n n"], share: float = 0.79
) -> Float[Tensor, "b k h w"]:
    """Spreads class maps to patches that attend to one another, starting inside its boxes only.

    Maps lie in [0, 1]; the results do not fill that range. A box surrounds a region above `share` of the map's
    maximum (0.79 on VOC, 0.88 on COCO in ExCEL; CLIP-ES 0.4 and 0.7). Attention is among patches alone, without the
    class token, and not negative; grids need not be square. A map without a box becomes 0. Computes in at
    least float32.

    Raises:
        ValueError: the attention is of other images or of another number of patches.

    Source: Lin et al., CVPR 2023 (CLIP-ES), Sec. 3.4; code of ExCEL, refine_cams_with_aff; golden caa_refine.
    """
    images, classes, height, width = maps.shape
    if attention.shape != (images, height * width, height * width):
        expected = (images, height * width, height * width)
        raise ValueError(f"attention {tuple(attention.shape)} does not fit maps {tuple(maps.shape)}; give {expected}")
    values = at_least_float32(maps)
    sources = (values * inside_boxes(values, share)).reshape(images, classes, height * width)
    with torch.autocast(maps.device.type, enabled=False):
        spread = torch.bmm(sources, transition_matrix(attention).to(values.dtype))  # symmetric
    return spread.reshape(images, classes, height, width)


@torch.no_grad()
def transition_matrix(attention: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Computes the share of each patch that reaches each other patch in two steps: symmetric, rows sum to about 1.

    Attention is normalised three times, columns before rows. Rows and columns of zeros stay zeros.

    Source: CLIP-ES, code, compute_trans_mat.
    """
    balanced = at_least_float32(attention)
    tiny = torch.finfo(balanced.dtype).tiny
    for _ in range(3):
        balanced = balanced / balanced.sum(dim=1, keepdim=True).clamp_min(tiny)
        balanced = balanced / balanced.sum(dim=2, keepdim=True).clamp_min(tiny)
    with torch.autocast(attention.device.type, enabled=False):
        symmetric = (balanced + balanced.mT) / 2
        return torch.bmm(symmetric, symmetric)


@torch.no_grad()
def agreeing_attention(layers: Float[Tensor, "b l n n"], own: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Multiplies the mean attention of the strong layers by an affinity that the head has learned.

    A layer is strong if the sum of `own` minus its attention is at most the mean of these sums over layers.

    Source: WeCLIP; code of ExCEL, refine_cams_with_aff with seg_attn, used there after 14 000 steps.
    """
    layers = at_least_float32(layers)
    lack = (own[:, None] - layers).sum(dim=(2, 3))
    counts = (lack <= lack.mean(dim=1, keepdim=True)).to(layers)[:, :, None, None]
    return (counts * layers).sum(dim=1) / (counts.sum(dim=1) + 1e-5) * own
