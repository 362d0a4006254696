"""Configuration of weak-to-strong consistency; docs/methods/fixmatch.md says where papers and codes differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.data.loading.semi_dataset import SemiConfig
from seglet.labels.semi.adaptive_threshold import ThresholdRule
from seglet.labels.semi.cutmix import CutMixOptions
from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(SemiConfig, TaskLossConfig, StudentConfig):
    """Keys of weak-to-strong consistency, by default as in UniMatch; `streams: 1, feature_weight: 0` is FixMatch."""

    auxiliary_weight: float = option(0.0, "weight of the loss of a ResNet's auxiliary head; 0 builds none, as UniMatch")
    threshold: float = option(0.95, "least confidence of pseudo labels that are used; UniMatch code, Cityscapes: 0")
    adapt: ThresholdRule = option(
        "none",
        "threshold of all classes, or one that follows the predictions: of each class (classes, FreeMatch) or of all "
        "(maxima, CorrMatch, from 0.85 on); threshold is then not used",
    )
    adapt_momentum: float = option(0.999, "momentum of these thresholds; FreeMatch and CorrMatch code")
    align: bool = option(
        False, "align predictions with the shares of the labelled classes before they are pseudo labels; ReMixMatch"
    )
    believe: Literal["pixel", "ratio", "average"] = option(
        "pixel",
        "weigh pixels by the threshold, or images by the share above it (ratio) or by mean confidence; SemiVL code",
    )
    strong_weight: float = option(0.5, "weight of the mean loss of the strong views; UniMatch Eq. 7")
    feature_weight: float = option(0.5, "weight of the view with dropped feature channels; UniMatch Eq. 7; 0: none")
    feature_drop: float = option(0.5, "fraction of channels dropped from each stage in that view; UniMatch code")
    weak_pass: bool = option(
        True,
        "let weak views pass the student in training mode too, as in UniMatch's code; false saves that pass and needs "
        "guesser: average and feature_weight: 0",
    )
    complementary: bool = option(
        False,
        "drop complementary halves of the backbone's channels in the two strong views of half of the images; "
        "UniMatch-V2: true, with feature_weight: 0",
    )
    halve: bool = option(True, "divide the sum of labelled and unlabelled losses by two; UniMatch code")
    cutmix_chance: float = option(0.5, "probability that a strong view has a box of another image; UniMatch code")
    cutmix_area: tuple[float, float] = option(
        (0.02, 0.4), "smallest and largest area of the box, as a fraction of the image; UniMatch code"
    )
    cutmix_aspect: float = option(0.3, "smallest height / width of the box, the largest is its inverse; UniMatch code")

    guesser: Literal["student", "average"] = option(
        "student", "network that predicts pseudo labels: the student (UniMatch) or its moving average (UniMatch-V2)"
    )
    average_momentum: float = option(0.996, "momentum of the moving average; UniMatch-V2 code, U2PL 0.99")
    average_ramp: bool = option(True, "let the average start as a copy and slow down; UniMatch-V2 and U2PL code")
    keep: Literal["student", "average"] = option("student", "network of the two that is validated and saved")
    alarm_from: float = option(
        0.25, "fraction of training after which a collapse is reported; before, every run looks like one"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        for name in ("threshold", "average_momentum", "adapt_momentum", "alarm_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("strong_weight", "feature_weight", "auxiliary_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not 0 <= self.feature_drop < 1:
            raise ValueError(f"feature_drop: expected 0 up to below 1, got {self.feature_drop}")
        if self.adapt != "none" and self.believe != "pixel":
            raise ValueError(f"adapt: thresholds of classes weigh pixels; expected believe: pixel, got {self.believe}")
        if self.keep == "average" and self.guesser == "student":
            raise ValueError("keep: average needs an average; set guesser: average, or keep: student")
        if self.complementary and self.streams != 2:
            raise ValueError(f"complementary: expected two strong views, streams: 2, got {self.streams}")
        if not self.weak_pass and (self.guesser == "student" or self.feature_weight > 0):
            raise ValueError(
                "weak_pass: false leaves out views that pseudo labels or dropped features are made of; set guesser: "
                "average and feature_weight: 0"
            )
        _ = self.boxes

    @property
    def boxes(self) -> CutMixOptions:
        return CutMixOptions(self.cutmix_chance, self.cutmix_area, self.cutmix_aspect)
