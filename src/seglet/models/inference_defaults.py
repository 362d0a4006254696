"""Inference defaults of a trained network: the test protocol of its paper or run, saved with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from seglet.values import choose_from


@dataclass(frozen=True)
class InferenceDefaults:
    """Inference options that hold for a network where none are given; None leaves a choice to the kind of its head.

    Args:
        scales: factors of the image size to predict at; the results are averaged.
        flip: also predict the mirrored image, and average.
        background_power: for ssss networks; above 1 the background yields to other classes.
        least_score: for networks that learned from tags; probability of presence that keeps a class.
        focal_power: p of the penalty of small masks in such a score, as in training.
        focal_floor: its λ, as in training: .01 in SSSS, .3 in DGKD-WLSS.
        window: height and width of sliding windows, in pixels.
        stride: rows and columns between windows; None for two thirds of the window.
    """

    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    background_power: float | None = None
    least_score: float | None = None
    focal_power: float | None = None
    focal_floor: float | None = None
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns what is set, as plain values for JSON; `from_dict` reads them back."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: Any) -> "InferenceDefaults | None":
        """Reads what `as_dict` returned; None for None.

        Raises:
            ValueError: a key is unknown, or the values are no mapping.
        """
        if values is None:
            return None
        if not isinstance(values, Mapping):
            raise ValueError(f"expected inference defaults as keys and values, got {values!r}")
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise ValueError(f"unknown inference default {key!r}; {choose_from(key, known)}")
        read: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        return cls(**read)
