"""Backend of the dense CRF that uses the package pydensecrf, for comparison."""

import importlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from seglet.labels.refine.crf_settings import CRFSettings


def infer_with_pydensecrf(
    energy: Float[Tensor, "k h w"], colours: UInt8[Tensor, "3 h w"], settings: CRFSettings
) -> Float[Tensor, "k h w"]:
    """Infers one image by mean field, on the CPU.

    Raises:
        ValueError: the package is not installed.
    """
    k, h, w = energy.shape
    field = _package().DenseCRF2D(w, h, k)
    field.setUnaryEnergy(np.ascontiguousarray(energy.flatten(1).numpy(force=True)))
    if settings.spatial_weight:
        field.addPairwiseGaussian(sxy=settings.spatial_sigma, compat=settings.spatial_weight)
    if settings.bilateral_weight:
        field.addPairwiseBilateral(
            sxy=settings.bilateral_sigma,
            srgb=settings.colour_sigma,
            rgbim=np.ascontiguousarray(colours.movedim(0, -1).numpy(force=True)),
            compat=settings.bilateral_weight,
        )
    return torch.from_numpy(np.array(field.inference(settings.iterations))).reshape(energy.shape)


def _package() -> Any:
    """Imports the package when it is first used: it is optional, and few have it."""
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise ValueError(
            "the backend pydensecrf is not installed; pip install 'seglet[crf]' compiles it,"
            " or use the backend seglet, which gives the same result"
        ) from error
