"""Parameters that decide how one image is darkened, stored beside the result."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from seglet.data.dark.cameras import NUM_CAMERAS
from seglet.data.dark.night_camera import NightCamera
from seglet.values import build_config, check_known_keys

DarkeningVariant = Literal["degrade", "isp"]
"""`degrade` is MAET's torch code, which undoes a tone curve and quantises by uniform noise; `isp` is its NumPy code,
without tone curve and with real quantisation."""


@dataclass(frozen=True)
class Darkening:
    """Parameters of darkening one image; they and the image reproduce the result.

    Args:
        darkness: share of the light that remains, above 0.
        gamma: gamma of the camera's output, undone before and applied after.
        camera: camera whose colours are used, 0 to 3; see `cameras`.
        gain: gain of all colours; it is multiplied in and never divided out, so it darkens too.
        red_gain: gain of red in the white balance, undone before and applied after; `blue_gain` likewise.
        shot_noise: variance of a value per unit of light.
        read_noise: variance in full darkness.
        bits: for `degrade`, uniform noise of ±1 / (255 · bits); for `isp`, 8-bit levels per quantisation step.
        noise_seed: seed of the sensor noise.
        safe_invert: keep highlights: where the camera's colours are near white, undo the white balance less.
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
    safe_invert: bool = False

    def __post_init__(self) -> None:
        positive = ("darkness", "gamma", "gain", "red_gain", "blue_gain", "bits")
        if wrong := [name for name in positive if not getattr(self, name) > 0]:
            raise ValueError(f"expected {wrong[0]} above 0, got {getattr(self, wrong[0])}")
        if min(self.shot_noise, self.read_noise, self.noise_seed) < 0:
            raise ValueError("expected shot_noise, read_noise and noise_seed of 0 or more")
        if self.variant not in get_args(DarkeningVariant) or not 0 <= self.camera < NUM_CAMERAS:
            raise ValueError(
                f"expected variant degrade or isp and camera 0 to {NUM_CAMERAS - 1}, "
                f"got {self.variant!r}, {self.camera}"
            )

    def as_dict(self) -> dict[str, Any]:
        """Returns the parameters as plain JSON."""
        return asdict(self)


def darkening_from_dict(values: Mapping[str, Any]) -> Darkening | NightCamera:
    """Returns the parameters that `as_dict` wrote.

    Raises:
        ValueError: a key is missing, unknown, or of the wrong kind.
    """
    kind: type[Darkening] | type[NightCamera] = NightCamera if values.get("variant") == "camera" else Darkening
    check_known_keys(values, [field.name for field in fields(kind)], "the parameters of a darkening")
    return build_config(kind, values)
