"""Options of evaluation: the way a network predicts whole images, and the extra scores."""

from dataclasses import dataclass
from typing import Literal

from seglet.types import option


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of predicting and scoring whole images.

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    batch: int = option(1, "images at once, where their sizes agree; the scores do not depend on it")
    window: tuple[int, int] | None = option(None, "height and width of sliding windows in pixels; none: whole images")
    stride: tuple[int, int] | None = option(None, "rows and columns between windows; none: two thirds (UniMatch)")
    tail: Literal["flush", "ragged"] = option(
        "flush", "the last window ends at the border and is whole (UniMatch-V2, mmseg), or is cut off (UniMatch)"
    )
    size: tuple[int, int] | None = option(
        None, "height and width that images are squeezed to for the network, 320 320 in ExCEL's code; none: their own"
    )
    scales: tuple[float, ...] = option((1.0,), "fractions of this size to predict at; the results are averaged")
    flip: bool = option(False, "also predict the mirrored image, and average")
    average: Literal["logits", "probabilities"] = option(
        "logits", "what windows, scales and flips are averaged as: logits (mmseg) or probabilities (UniMatch)"
    )
    multiple: int = option(1, "resize the network's input to the nearest multiple, 14 or 16 for a ViT (UniMatch-V2)")
    replicas: int = option(1000, "replicas of the bootstrap over images behind the intervals; 0 for none")
    seed: int = option(0, "seed of the bootstrap")
    boundary: bool = option(False, "also score how well edges fit, by boundary IoU")
    trust: tuple[float, ...] | None = option(
        None, "least confidence of a trusted pixel of each class, to score predictions as pseudo labels; none: do not"
    )

    def __post_init__(self) -> None:
        for name, least in {"batch": 1, "multiple": 1, "replicas": 0, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"size: expected a height and a width of at least 1 pixel, got {self.size}")
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales: expected one or more fractions above 0, got {self.scales}")
        if self.stride is not None and self.window is None:
            raise ValueError(f"stride {self.stride} means nothing without a window; set `window` too")
        if self.window is not None and not all(1 <= s <= w for s, w in zip(self.steps, self.window, strict=True)):
            raise ValueError(
                f"stride {self.steps} must lie between 1 and the window {self.window}, or pixels are skipped"
            )

    @property
    def steps(self) -> tuple[int, int]:
        """Number of rows and of columns between windows."""
        if self.window is None:
            raise ValueError("there are no steps without a window; set `window`")
        height, width = self.window
        return self.stride or (max(height * 2 // 3, 1), max(width * 2 // 3, 1))
