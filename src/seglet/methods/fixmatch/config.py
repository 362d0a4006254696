"""What a consistency experiment can choose; docs/methods/fixmatch.md says where the papers and their codes differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.data.loading.semi_dataset import SemiConfig
from seglet.labels.semi.cutmix import Boxes
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(SemiConfig, StudentConfig):
    """The defaults are UniMatch's; with `streams: 1` and `feature_weight: 0` it is FixMatch."""

    auxiliary_weight: float = option(0.0, "of the loss of a ResNet's auxiliary head; 0 builds none, as in UniMatch")
    threshold: float = option(0.95, "confidence from which a pixel teaches; UniMatch code: 0.95, Cityscapes 0")
    believe: Literal["pixel", "ratio", "average"] = option(
        "pixel", "pixel by pixel; or whole images by their share above the threshold or mean confidence: SemiVL code"
    )
    strong_weight: float = option(0.5, "of the strong views together, half each if two; UniMatch Eq. 7")
    feature_weight: float = option(0.5, "of the view whose features lack channels; UniMatch Eq. 7; 0 leaves it out")
    feature_drop: float = option(0.5, "share of channels dropped from each stage in that view; UniMatch code")
    halve: bool = option(True, "divide the sum of labelled and unlabelled losses by two; UniMatch code")
    cutmix_chance: float = option(0.5, "that a strong view has a box of another image; UniMatch code")
    cutmix_area: tuple[float, float] = option((0.02, 0.4), "least and largest share of the box; UniMatch code")
    cutmix_aspect: float = option(0.3, "least height by width of the box, the largest is its inverse; UniMatch code")

    guesser: Literal["student", "average"] = option(
        "student", "who guesses labels: the student itself (UniMatch), or its running average (UniMatch-V2)"
    )
    average_momentum: float = option(0.996, "of the running average; UniMatch-V2 code, U2PL 0.99")
    average_ramp: bool = option(True, "let the average begin as a copy and slow down; UniMatch-V2 and U2PL code")
    keep: Literal["student", "average"] = option("student", "which of the two is scored as the model and kept")
    alarm_from: float = option(
        0.25, "share of training after which a collapse is warned of; before, all looks like one"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("threshold", "average_momentum", "alarm_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("strong_weight", "feature_weight", "auxiliary_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not 0 <= self.feature_drop < 1:
            raise ValueError(f"feature_drop: expected 0 up to below 1, got {self.feature_drop}")
        if self.keep == "average" and self.guesser == "student":
            raise ValueError("keep: average needs an average; set guesser: average, or keep: student")
        _ = self.boxes

    @property
    def boxes(self) -> Boxes:
        return Boxes(self.cutmix_chance, self.cutmix_area, self.cutmix_aspect)
