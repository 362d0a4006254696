"""Everything that decides how one image is darkened, to be stored beside the result."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from seglet.data.dark.cameras import CAMERAS
from seglet.values import build_config, check_known_keys

DarkeningVariant = Literal["degrade", "isp"]
"""`degrade` is MAET's torch code (a tone curve is undone, quantisation is uniform noise); `isp` its NumPy code, without
tone curve and with real steps."""


@dataclass(frozen=True)
class Darkening:
    """One image's way into the dark; with it and the image the result can be made again.

    Args:
        darkness: share of the light that is left, above 0.
        gamma: of the camera's output, undone before and applied after.
        camera: whose colours, 0 to 3; see `cameras`.
        gain: of all colours, multiplied in and never divided out, so it darkens too.
        red_gain: of the white balance, undone before and applied after.
        shot_noise: variance of a value for each unit of light.
        read_noise: variance in full darkness.
        bits: uniform noise of ±1 / (255 · bits) for `degrade`; levels of 8-bit values in one step for `isp`.
        noise_seed: of the sensor's noise.
    """

    variant: DarkeningVariant
    darkness: float
    gamma: float
    camera: int
    gain: float
    red_gain: float
    blue_gain: float
    shot_noise: float
    read_noise: float
    bits: int
    noise_seed: int

    def __post_init__(self) -> None:
        positive = ("darkness", "gamma", "gain", "red_gain", "blue_gain", "bits")
        if wrong := [name for name in positive if not getattr(self, name) > 0]:
            raise ValueError(f"expected {wrong[0]} above 0, got {getattr(self, wrong[0])}")
        if min(self.shot_noise, self.read_noise, self.noise_seed) < 0:
            raise ValueError("expected shot_noise, read_noise and noise_seed of 0 or more")
        if self.variant not in get_args(DarkeningVariant) or not 0 <= self.camera < CAMERAS:
            raise ValueError(
                f"expected variant degrade or isp and camera 0 to {CAMERAS - 1}, got {self.variant!r}, {self.camera}"
            )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def darkening_from_dict(values: Mapping[str, Any]) -> Darkening:
    """What `as_dict` gave.

    Raises:
        ValueError: a key is missing, unknown, or of the wrong kind.
    """
    check_known_keys(values, [field.name for field in fields(Darkening)], "the parameters of a darkening")
    return build_config(Darkening, values)
