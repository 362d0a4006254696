"""Darkening as an augmentation of training views."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32

from seglet.types import option

DarkViewPreset = Literal["none", "mild", "night", "extreme", "stops"]
"""Presets of `seglet data darken`, or `stops`: light alone is taken away, as `seglet evaluate --darken 4` does."""


@dataclass(frozen=True)
class DarkViews:
    """Share and preset of training views that are darkened; by default none."""

    dark: DarkViewPreset = option("none", "preset of `seglet data darken`, stops, or none")
    share: float = option(0.5, "share of the views that are darkened")
    safe_invert: bool = option(False, "keep highlights, as `seglet data darken --safe-invert` does")
    stops: tuple[float, float] = option((4.0, 4.0), "of `stops`: range of the stops of light to take away")

    variant: Literal["degrade", "camera"] = option("degrade", "pipeline of the presets, as in `seglet data darken`")

    def __post_init__(self) -> None:
        if self.dark not in get_args(DarkViewPreset) or not 0 <= self.share <= 1:
            raise ValueError(
                f"expected dark of {', '.join(get_args(DarkViewPreset))} and a share from 0 to 1, "
                f"got {self.dark!r}, {self.share}"
            )
        if not 0 <= self.stops[0] <= self.stops[1]:
            raise ValueError(f"expected stops of light 0 <= low <= high, got {self.stops}")

    @property
    def active(self) -> bool:
        """True if views may be darkened."""
        return self.dark != "none"

    def apply(self, image: Float32[np.ndarray, "h w 3"], rng: np.random.Generator) -> Float32[np.ndarray, "h w 3"]:
        """Returns the image, in [0, 1], darkened by chance; without a preset nothing is drawn from `rng`."""
        if self.dark == "none" or rng.random() >= self.share:
            return image
        if self.dark == "stops":
            from seglet.data.dark.stops import stop_down_values

            return stop_down_values(image, rng.uniform(*self.stops), int(rng.integers(2**48)))
        from seglet.data.dark.pipeline import darken_values  # most runs stay in the light and need none of this
        from seglet.data.dark.presets import PARAMETER_STREAM, night_camera_ranges, preset_ranges
        from seglet.data.portable_rng import PortableRng

        portable = PortableRng(int(rng.integers(2**63)), PARAMETER_STREAM)
        if self.variant == "camera":
            return darken_values(image, night_camera_ranges(self.dark).draw_with(portable))
        return darken_values(image, preset_ranges(self.dark, safe_invert=self.safe_invert).draw_with(portable))
