"""Options of prediction and of pseudo labels."""

from dataclasses import dataclass, field
from typing import Any

from seglet.inference.refiner import Refiner


@dataclass(frozen=True)
class InferenceOptions:
    """None leaves a choice to the kind of network; `docs/cli.md` has the choices.

    `background_power`, `background` and `least_score` are for networks that learned from tags; see `class_maps`.
    Images are first shrunk to the fraction `resize` of their size. `stride` None is two thirds of the window. `depth`
    says where networks that are told depth have it from; see `depths_for`. `brighten` names what images go through
    before a network sees them; see `enhancer`.
    """

    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    background_power: float | None = None
    background: float | None = None
    least_score: float | None = None
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    resize: float = 1.0
    refiner: Refiner | None = None
    depth: str | None = None
    brighten: str | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for but windows and a size."""
        own = (self.scales, self.flip, self.background_power, self.background, self.least_score, self.refiner)
        return all(value is None for value in own)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        refiner = {"refiner": None} if self.refiner is None else self.refiner.as_dict()
        seen = {name: getattr(self, name) for name in ("scales", "flip", "background_power", "background")}
        rest = {
            name: getattr(self, name) for name in ("least_score", "window", "stride", "resize", "depth", "brighten")
        }
        return {**seen, **rest, **refiner}


DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class PseudoLabelOptions:
    """How pseudo labels are made. A pixel whose probability is below `threshold` gets no label."""

    threshold: float = DEFAULT_THRESHOLD
    inference: InferenceOptions = field(default_factory=InferenceOptions)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"threshold": self.threshold, **self.inference.as_dict()}
