"""Darkening as an augmentation of training views."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32

from seglet.types import option

DarkViewPreset = Literal["none", "mild", "night", "extreme"]


@dataclass(frozen=True)
class DarkViews:
    """Share and preset of training views that are darkened; by default none."""

    dark: DarkViewPreset = option("none", "preset of `seglet data darken`, or none")
    share: float = option(0.5, "share of the views that are darkened")
    safe_invert: bool = option(False, "keep highlights, as `seglet data darken --safe-invert` does")

    def __post_init__(self) -> None:
        if self.dark not in get_args(DarkViewPreset) or not 0 <= self.share <= 1:
            raise ValueError(
                f"expected dark of {', '.join(get_args(DarkViewPreset))} and a share from 0 to 1, "
                f"got {self.dark!r}, {self.share}"
            )

    def apply(self, image: Float32[np.ndarray, "h w 3"], rng: np.random.Generator) -> Float32[np.ndarray, "h w 3"]:
        """Returns the image, in [0, 1], darkened by chance; without a preset nothing is drawn from `rng`."""
        if self.dark == "none" or rng.random() >= self.share:
            return image
        from seglet.data.dark.pipeline import darken_values  # most runs stay in the light and need none of this
        from seglet.data.dark.presets import PARAMETER_STREAM, preset_ranges
        from seglet.data.portable_rng import PortableRng

        ranges = preset_ranges(self.dark, safe_invert=self.safe_invert)
        return darken_values(image, ranges.draw_with(PortableRng(int(rng.integers(2**63)), PARAMETER_STREAM)))
