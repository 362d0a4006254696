"""Settings of the dense CRF, and the settings that papers use."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CRFSettings:
    """Two Gaussian kernels between all pairs of pixels, and the number of mean-field iterations.

    The spatial kernel falls with distance alone, the bilateral one with distance and difference of colour. A weight is
    the cost of unequal labels (Potts model), in nats, for a pixel whose surroundings are all close and disagree; a
    kernel of weight 0 is left out. The defaults are `SSSS_CRF`.

    Raises:
        ValueError: a deviation is not positive; a weight or the number of iterations is negative or infinite.
    """

    spatial_sigma: float = 3.0  # pixels
    spatial_weight: float = 3.0
    bilateral_sigma: float = 80.0  # pixels
    colour_sigma: float = 13.0  # of 255
    bilateral_weight: float = 10.0
    iterations: int = 10  # all the papers named below

    def __post_init__(self) -> None:
        for name in ("spatial_sigma", "bilateral_sigma", "colour_sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}; a weight of 0 omits a kernel")
        for name in ("spatial_weight", "bilateral_weight", "iterations"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and not negative, it is {getattr(self, name)}")


SSSS_CRF = CRFSettings(3, 3, 80, 13, 10)
"""Inference of SSSS; images of DGKD-WLSS."""

LABELS_CRF = CRFSettings(3, 3, 50, 5, 10)
"""Cleaning hard labels (see `soft_labels`) in AFA, WeCLIP, SeCo, ExCEL and DGKD-WLSS."""

WECLIP_CRF = CRFSettings(3, 3, 64, 5, 4)
"""Tests of AFA and WeCLIP on VOC and COCO."""

SECO_CRF = CRFSettings(1, 1, 121, 5, 4)
"""Tests of SeCo on VOC and COCO."""

EXCEL_CRF = CRFSettings(1, 3, 67, 3, 4)
"""ExCEL, MoRe and CLIP-ES; probably also DiCLIP, which does not say."""
