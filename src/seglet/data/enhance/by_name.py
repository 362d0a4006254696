"""Enhancements of dark images by the names that experiments and commands use."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from seglet.data.enhance.gamma import correct_gamma
from seglet.data.enhance.histogram import clahe, equalise_histogram
from seglet.data.enhance.retinex import msrcr

Enhancer = Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "h w 3"]]
"""Brightens an image; can be pickled, so that processes can share the work."""

EnhancerName = Literal["clahe", "equalise", "gamma", "retinex"]
ENHANCERS: Mapping[str, Enhancer] = MappingProxyType(
    {"clahe": clahe, "equalise": equalise_histogram, "gamma": correct_gamma, "retinex": msrcr}
)
"""Enhancements without parameters to learn, by name."""
