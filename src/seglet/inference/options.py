"""Options of prediction, of refinement and of pseudo labels."""

from dataclasses import dataclass, field
from typing import Any

from seglet.values import did_you_mean

REFINERS = ("pamr", "par", "crf", "sam")
"""Ways to move the borders of score maps to image edges; see `labels.refine`. `sam` votes within SAM's segments."""

SAM_MODEL = "sam2-tiny"
"""Network whose segments the refiner sam takes if no other is named."""

CRF_SETTINGS = ("ssss", "labels", "weclip", "seco", "excel")
"""Names of the strengths in `labels.refine.crf_settings`."""

REFINER_STEPS = 10
"""Steps of all the papers that `CRF_SETTINGS` names, and of PAMR and PAR on VOC."""

DEFAULT_THRESHOLD = 0.5
"""Probability below which a pixel of a pseudo label is void."""

_LARGEST_SCALE = 16.0
"""Factor beyond which images would fit into no memory."""


@dataclass(frozen=True)
class Refiner:
    """A way to move the borders of score maps to image edges.

    Args:
        name: one of `REFINERS`.
        steps: iterations of the refiner.
        crf_settings: strengths of a CRF, one of `CRF_SETTINGS`; empty for the others.
        model: SAM or SAM 2 of the refiner sam, by name, hub id or folder; empty for the others.

    Raises:
        ValueError: no such refiner or strengths, a negative number of steps, or strengths for another refiner than crf,
            or a model for another than sam.
    """

    name: str
    steps: int = REFINER_STEPS
    crf_settings: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        if self.name not in REFINERS:
            hint = did_you_mean(self.name, REFINERS)
            raise ValueError(f"there is no refiner {self.name!r}{hint}; choose from {', '.join(REFINERS)}")
        if self.steps < 0:
            raise ValueError(f"steps of a refiner: expected 0 or more, got {self.steps}")
        if (self.name == "crf") != bool(self.crf_settings):
            raise ValueError("a crf needs the name of its strengths, and other refiners have none; see crf_settings")
        if self.model and self.name != "sam":
            raise ValueError("a SAM model is that of the refiner sam; take it, or leave the model out")
        if self.crf_settings and self.crf_settings not in CRF_SETTINGS:
            hint = did_you_mean(self.crf_settings, CRF_SETTINGS)
            raise ValueError(f"there are no crf_settings {self.crf_settings!r}{hint}; choose from "
                             f"{', '.join(CRF_SETTINGS)}")  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings for JSON."""
        if self.name == "sam":
            return {"refiner": self.name, "sam_model": self.model or SAM_MODEL}
        own = {"crf_settings": self.crf_settings} if self.crf_settings else {}
        return {"refiner": self.name, "steps": self.steps, **own}


@dataclass(frozen=True)
class InferenceOptions:
    """Options of prediction. None leaves a choice to what is saved with the network, else to its kind (docs/cli.md).

    Args:
        scales: factors of the image size to predict at; the results are averaged.
        flip: also predict the mirrored image, and average.
        background_power: for ssss networks; above 1 the background yields to other classes.
        background: for cam networks; share of its maximum that an object exceeds.
        least_score: for networks that learned from tags; probability of presence that keeps a class.
        size: height and width that images are squeezed to, in pixels; `scales` are factors of it.
        window: height and width of sliding windows, in pixels.
        stride: rows and columns between windows; None for two thirds of the window.
        whole_images: no windows, also for a network that was validated in windows.
        resize: factor by which images are shrunk before.
        refiner: what moves class borders to image edges.
        depth: for networks that take depth, where it comes from; see `find_depth_source`.
        brighten: how images are brightened before; see `find_enhancer`.
        thresholds: least probabilities of classes, as NAME=P; see `labels_above`. For predictions alone.

    Raises:
        ValueError: a value is out of its range, there is a stride without a window, or a window for whole images.
    """

    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    background_power: float | None = None
    background: float | None = None
    least_score: float | None = None
    size: tuple[int, int] | None = None
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    whole_images: bool = False
    resize: float = 1.0
    refiner: Refiner | None = None
    depth: str | None = None
    brighten: str | None = None
    thresholds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scales is not None and not (self.scales and all(0 < scale <= _LARGEST_SCALE for scale in self.scales)):
            raise ValueError(f"scales: expected numbers above 0 and at most {_LARGEST_SCALE:g}, got {self.scales}")
        if not 0 < self.resize <= 1:
            raise ValueError(f"resize: expected a number above 0 and at most 1, got {self.resize}")
        for name in ("background", "least_score"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name}: expected a number from 0 to 1, got {value}")
        if self.stride is not None and self.window is None:
            raise ValueError("a stride lies between windows; give a window too, or leave the stride out")
        if self.whole_images and self.window is not None:
            raise ValueError("whole images have no windows; leave out one of --whole-images and --window")
        for name in ("size", "window", "stride"):
            sides = getattr(self, name)
            if sides is not None and min(sides) < 1:
                raise ValueError(f"{name}: expected a height and a width of at least 1 pixel, got {sides}")

    def refuse_thresholds(self, because: str) -> None:
        """Checks that there are no thresholds of classes.

        Raises:
            ValueError: there are; says why they cannot be used.
        """
        if self.thresholds:
            raise ValueError(f"thresholds of classes decide predictions alone: {because}; leave them out")

    @property
    def plain(self) -> bool:
        """True if nothing is asked for but windows, a factor, depth and brightening."""
        own = (
            self.size,
            self.scales,
            self.flip,
            self.background_power,
            self.background,
            self.least_score,
            self.refiner,
        )
        return all(value is None for value in own) and not self.thresholds

    def as_dict(self) -> dict[str, Any]:
        """Returns the options for JSON, those of the refiner among them."""
        names = (
            "scales",
            "flip",
            "background_power",
            "background",
            "least_score",
            "size",
            "window",
            "stride",
            "resize",
        )
        refiner = {"refiner": None} if self.refiner is None else self.refiner.as_dict()
        whole: dict[str, Any] = {"whole_images": True} if self.whole_images else {}
        whole |= {"thresholds": list(self.thresholds)} if self.thresholds else {}
        return {name: getattr(self, name) for name in (*names, "depth", "brighten")} | whole | refiner


@dataclass(frozen=True)
class SegmentOptions:
    """Options of a network's segmentation of one image: once, or with Monte-Carlo passes of the whole image.

    Args:
        samples: Monte-Carlo passes; 0 for none.
        seed: seed of their dropout masks.
        inference: how the network predicts.

    Raises:
        ValueError: they contradict each other.
    """

    samples: int = 0
    seed: int = 0
    inference: InferenceOptions = field(default_factory=InferenceOptions)

    def __post_init__(self) -> None:
        if self.samples and self.inference.window:
            raise ValueError("Monte-Carlo samples are taken of whole images; give --samples or --window, not both")
        if self.samples and not self.inference.plain:
            raise ValueError("Monte-Carlo samples are taken of plain images; leave out --samples, or all of "
                             "--thresholds, --scales, --flip, --background…, --least-score and --refiner")  # fmt: skip
        if self.samples == 1:
            raise ValueError("one Monte-Carlo sample has no deviation; give --samples 2 or more, such as 10")

    def as_dict(self) -> dict[str, Any]:
        """Returns the options for JSON."""
        return {"samples": self.samples, "seed": self.seed, **self.inference.as_dict()}


@dataclass(frozen=True)
class PseudoLabelOptions:
    """Options of pseudo labels, and of what is written beside them.

    Args:
        threshold: probability below which a pixel is void, in [0, 1].
        inference: how the model predicts.
        keep_scores: also write the probabilities of all classes.
        score_on: data whose true masks are put beside the pseudo labels, to validate on.
        score_split: split of these data.
    """

    threshold: float = DEFAULT_THRESHOLD
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    keep_scores: bool = False
    score_on: str | None = None
    score_split: str = "val"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: expected a probability from 0 to 1, got {self.threshold}")
        self.inference.refuse_thresholds("pseudo labels have one threshold for all classes")

    def as_dict(self) -> dict[str, Any]:
        """Returns what decides the labels, for JSON."""
        return {"threshold": self.threshold, **self.inference.as_dict()}
