"""Presets of darkness: ranges from which the parameters of an image are drawn, by its name."""

import hashlib
import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, get_args

from seglet.data.dark.cameras import NUM_CAMERAS
from seglet.data.dark.night_camera import NightCamera
from seglet.data.dark.parameters import Darkening, DarkeningVariant
from seglet.data.portable_rng import PortableRng

DarkPreset = Literal["mild", "night", "extreme"]
PARAMETER_STREAM = 0
"""Stream of the random generator that draws parameters."""
_ISP_BITS = (4, 6, 8)


@dataclass(frozen=True)
class ValueRange:
    """A uniform distribution between two values or, with a `deviation`, a normal one truncated to them."""

    low: float
    high: float
    mean: float = 0.0
    deviation: float = 0.0

    def at(self, unit: float) -> float:
        """Returns the quantile `unit`, in [0, 1), of the distribution."""
        if self.deviation == 0:
            return self.low + (self.high - self.low) * unit
        normal = NormalDist(self.mean, self.deviation)
        below, above = normal.cdf(self.low), normal.cdf(self.high)
        share = below + (above - below) * unit
        return min(max(normal.inv_cdf(share), self.low), self.high) if 0 < share < 1 else self.low


@dataclass(frozen=True)
class DarkeningRanges:
    """Distributions of the parameters; the defaults are those of MAET's torch code.

    Their code bounds neither `gain` nor the spread of the noise; here both are truncated at 4 deviations.
    """

    variant: DarkeningVariant = "degrade"
    darkness: ValueRange = ValueRange(0.01, 1.0, 0.1, 0.08)
    gamma: ValueRange = ValueRange(2.0, 3.5)
    gain: ValueRange = ValueRange(0.4, 1.2, 0.8, 0.1)
    red_gain: ValueRange = ValueRange(1.9, 2.4)
    blue_gain: ValueRange = ValueRange(1.5, 1.9)
    log_shot: ValueRange = ValueRange(math.log(1e-4), math.log(0.012))
    log_read: ValueRange = ValueRange(-1.04, 1.04, 0.0, 0.26)
    """Added to 2.18 log shot + 1.20, the relation found for real sensors."""
    bits: tuple[int, ...] = (12, 14, 16)
    safe_invert: bool = False
    """Highlights are kept; see `Darkening`."""

    def draw(self, seed: int, image_id: str) -> Darkening:
        """Draws the parameters of one image, a pure function of the seed and the name of the image."""
        digest = hashlib.sha256(f"{seed}/{image_id}".encode(errors="surrogateescape")).digest()
        return self.draw_with(PortableRng(int.from_bytes(digest[:16]), PARAMETER_STREAM))

    def draw_for_folder(self, seed: int, image_id: str) -> Darkening:
        """Draws the parameters that all images of a folder share, as the frames of a sequence do, and the image's own
        noise."""
        folder = image_id.rpartition("/")[0]
        return replace(self.draw(seed, folder), noise_seed=self.draw(seed, image_id).noise_seed)

    def draw_with(self, rng: PortableRng) -> Darkening:
        """Draws parameters from a generator."""
        log_shot = self.log_shot.at(rng.unit())
        return Darkening(
            variant=self.variant,
            darkness=self.darkness.at(rng.unit()),
            gamma=self.gamma.at(rng.unit()),
            camera=rng.below(NUM_CAMERAS),
            gain=self.gain.at(rng.unit()),
            red_gain=self.red_gain.at(rng.unit()),
            blue_gain=self.blue_gain.at(rng.unit()),
            shot_noise=math.exp(log_shot),
            read_noise=math.exp(2.18 * log_shot + 1.2 + self.log_read.at(rng.unit())),
            bits=self.bits[rng.below(len(self.bits))],
            noise_seed=rng.below(2**48),
            safe_invert=self.safe_invert,
        )


MAET_RANGES = DarkeningRanges()
MAET_ISP_RANGES = DarkeningRanges("isp", darkness=ValueRange(0.01, 0.4), bits=_ISP_BITS)
"""Ranges of the two published implementations."""


_MILD = replace(
    MAET_RANGES, darkness=ValueRange(0.15, 0.6, 0.35, 0.1), log_shot=ValueRange(math.log(1e-4), math.log(0.003))
)
_EXTREME = replace(
    MAET_RANGES, darkness=ValueRange(0.004, 0.05, 0.02, 0.015), log_shot=ValueRange(math.log(1e-4), math.log(0.001))
)
"""Less noise than MAET's, whose strength does not fall with the light and would hide half of the darkest images."""


def preset_ranges(
    name: DarkPreset, variant: DarkeningVariant = "degrade", safe_invert: bool = False
) -> DarkeningRanges:
    """Returns the ranges of a preset: `mild` is dusk, `night` MAET's own, `extreme` as dark as the images of LOL.

    With `safe_invert` highlights stay white until the light is removed; see `Darkening`.

    Raises:
        ValueError: there is no such preset, or the quantisation of `isp` would leave none of its light.
    """
    known: dict[str, DarkeningRanges] = {"mild": _MILD, "night": MAET_RANGES, "extreme": _EXTREME}
    if name not in known:
        raise ValueError(f"expected a preset of {', '.join(get_args(DarkPreset))}, got {name!r}")
    ranges = replace(known[name], safe_invert=safe_invert)
    if variant == "degrade":
        return ranges
    if name == "extreme":
        raise ValueError("the steps of variant isp, 4/255 and more, swallow the light of preset extreme; take degrade")
    return replace(ranges, variant="isp", bits=_ISP_BITS)


_MOST_ISO = 64.0
"""Largest amplification, such as ISO 6400 of a camera whose lowest is 100."""


@dataclass(frozen=True)
class NightCameraRanges:
    """Distributions of the parameters of a night: the presets differ in the light alone.

    `compensated` is the share of the missing stops that amplification makes up for, up to 64.
    """

    stops: ValueRange
    compensated: ValueRange = ValueRange(0.2, 0.6)
    log_full_well: ValueRange = ValueRange(math.log(6000), math.log(60000))
    read_noise: ValueRange = ValueRange(1.0, 4.0)
    row_share: ValueRange = ValueRange(0.02, 0.2)
    """Noise of rows as a share of that of reading."""
    red_gain: ValueRange = ValueRange(1.9, 2.4)
    blue_gain: ValueRange = ValueRange(1.5, 1.9)
    tone: ValueRange = ValueRange(0.3, 1.0)
    warmth: ValueRange = ValueRange(-0.05, 0.2)
    lamps: ValueRange = ValueRange(0.0, 1.0)
    glare: ValueRange = ValueRange(0.0, 0.03)
    glare_radius: ValueRange = ValueRange(0.01, 0.06)
    denoising: ValueRange = ValueRange(0.0, 2.0)
    bits: tuple[int, ...] = (10, 12, 14)
    oversampling: tuple[int, ...] = (1, 2, 2)

    def draw(self, seed: int, image_id: str) -> NightCamera:
        """Draws the parameters of one image, a pure function of the seed and the name of the image."""
        digest = hashlib.sha256(f"{seed}/{image_id}".encode(errors="surrogateescape")).digest()
        return self.draw_with(PortableRng(int.from_bytes(digest[:16]), PARAMETER_STREAM))

    def draw_for_folder(self, seed: int, image_id: str) -> NightCamera:
        """Draws the parameters that all images of a folder share, and the image's own noise."""
        folder = image_id.rpartition("/")[0]
        return replace(self.draw(seed, folder), noise_seed=self.draw(seed, image_id).noise_seed)

    def draw_with(self, rng: PortableRng) -> NightCamera:
        """Draws parameters from a generator."""
        stops = self.stops.at(rng.unit())
        read_noise = self.read_noise.at(rng.unit())
        return NightCamera(
            stops=stops,
            iso=min(2 ** (stops * self.compensated.at(rng.unit())), _MOST_ISO),
            full_well=math.exp(self.log_full_well.at(rng.unit())),
            read_noise=read_noise,
            row_noise=read_noise * self.row_share.at(rng.unit()),
            bits=self.bits[rng.below(len(self.bits))],
            oversampling=self.oversampling[rng.below(len(self.oversampling))],
            camera=rng.below(NUM_CAMERAS),
            red_gain=self.red_gain.at(rng.unit()),
            blue_gain=self.blue_gain.at(rng.unit()),
            tone=self.tone.at(rng.unit()),
            warmth=self.warmth.at(rng.unit()),
            lamps=self.lamps.at(rng.unit()),
            glare=self.glare.at(rng.unit()),
            glare_radius=self.glare_radius.at(rng.unit()),
            denoising=self.denoising.at(rng.unit()),
            noise_seed=rng.below(2**48),
        )


_STOPS = {"mild": ValueRange(1.5, 4.0), "night": ValueRange(3.5, 7.0), "extreme": ValueRange(6.0, 10.0)}


def night_camera_ranges(preset: DarkPreset) -> NightCameraRanges:
    """Returns the ranges of a preset; the presets differ in the light that reaches the sensor."""
    if preset not in _STOPS:
        raise ValueError(f"expected a preset of {', '.join(_STOPS)}, got {preset!r}")
    return NightCameraRanges(_STOPS[preset])
