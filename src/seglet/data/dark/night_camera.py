"""Parameters of a photograph taken at night by a camera that adapts to it.

Unlike MAET's, the model has a mosaic, an amplification that follows the missing light, noise in electrons, lamps that
stay bright, and a tone curve that is applied again; `night_photograph` is its pipeline.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from seglet.data.dark.cameras import NUM_CAMERAS


@dataclass(frozen=True)
class NightCamera:
    """Parameters of darkening one image by the model of a camera; they and the image reproduce the result.

    Args:
        stops: halvings of the light that reaches the sensor.
        iso: amplification of what it measures, 1 or more; the image is log2(iso) stops brighter than the light is.
        full_well: electrons in a pixel that make white without amplification.
        read_noise: deviation of each pixel before amplification, in electrons.
        row_noise: deviation that the pixels of a row share, in electrons.
        bits: bits of a raw value.
        oversampling: pixels of the sensor along the side of one of the image; at 1 a low-pass filter is before them.
        camera: camera whose colours are used, 0 to 3; see `cameras`.
        red_gain: gain of red in the white balance, undone before and applied after; `blue_gain` likewise.
        tone: share of an S-shaped tone curve in the camera's processing, undone before and applied after.
        warmth: excess of red, and lack of blue, in the light that is left, which the white balance does not correct.
        lamps: share of the missing stops that pixels near white keep: at 1 they stay as bright as they were.
        glare: share of the light that the lens scatters.
        glare_radius: how far, as a fraction of the longer side.
        denoising: variance that the camera's noise reduction takes for noise, as a multiple of the sensor's.
        noise_seed: seed of the sensor noise.
    """

    stops: float
    iso: float
    full_well: float
    read_noise: float
    row_noise: float
    bits: int
    oversampling: int
    camera: int
    red_gain: float
    blue_gain: float
    tone: float
    warmth: float
    lamps: float
    glare: float
    glare_radius: float
    denoising: float
    noise_seed: int
    variant: Literal["camera"] = "camera"

    def __post_init__(self) -> None:
        if not (
            self.stops >= 0 and self.iso >= 1 and self.full_well > 0 and 1 <= self.bits <= 24 and self.oversampling > 0
        ):
            raise ValueError(
                "expected stops of 0 or more, iso of 1 or more, full_well above 0 1 to 24 bits and "
                "an oversampling of 1 or more"
            )
        if wrong := [name for name in ("tone", "lamps", "glare") if not 0 <= getattr(self, name) <= 1]:
            raise ValueError(f"expected {wrong[0]} from 0 to 1, got {getattr(self, wrong[0])}")
        least = (self.read_noise, self.row_noise, self.glare_radius, self.denoising, self.noise_seed)
        if min(least) < 0 or min(self.red_gain, self.blue_gain) <= 0 or not -1 < self.warmth < 1:
            raise ValueError("expected noise, glare_radius and denoising of 0 or more, gains above 0, |warmth| below 1")
        if not 0 <= self.camera < NUM_CAMERAS:
            raise ValueError(f"expected camera 0 to {NUM_CAMERAS - 1}, got {self.camera}")

    def as_dict(self) -> dict[str, Any]:
        """Returns the parameters as plain JSON."""
        return asdict(self)
