"""What an experiment with tags can choose; docs/methods/ssss.md says where the papers and their codes differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(StudentConfig):
    """With `scores: mean`, `mask_weight: 0` and a `cam-…` network it is the CAM baseline."""

    student: str = option("ssss-wideresnet38", "network that is trained: ssss-BACKBONE, or cam-BACKBONE; SSSS Sec. 5.1")
    auxiliary_weight: float = option(0.0, "0: an auxiliary head has nothing to learn from tags")

    scores: Literal["masks", "mean"] = option(
        "masks", "how a class is scored: under its own mask (nGWP and focal, Eq. 1-2), or by its mean activation (CAM)"
    )
    focal_power: float = option(3.0, "p: how soon a growing mask is forgiven for being small; SSSS code")
    focal_floor: float = option(0.01, "λ: the penalty of an empty mask is its logarithm; SSSS code, 0.3 in DGKD-WLSS")
    mask_weight: float = option(1.0, "of the loss against the refined masks; SSSS code; 0 learns from tags alone")
    mask_start: float = option(0.2, "share of training before it begins; SSSS code: 5 of 24 epochs, DGKD-WLSS: 0.2")
    refine_steps: int = option(10, "steps of PAMR that make the refined masks; SSSS code; 0 leaves masks as they are")
    foreground: float = option(0.6, "share of its maximum that a class must exceed to be a label; SSSS code")
    background: float = option(0.7, "the same for the background; SSSS code")
    least: float = option(0.2, "floor of what must be exceeded; SSSS code")
    rest: bool = option(
        False, "keep early layers and the backbone's batch norms as they are (SSSS code); only with pretrained weights"
    )

    scales: tuple[float, ...] = option((1.0, 0.5), "of a picture in validation; SSSS code, in test 1, .5, 1.5, 2")
    mirror: bool = option(False, "mirror each of them too; SSSS code in test")
    background_power: float = option(1.0, "the background yields to classes above 1; SSSS code: 3 in test")
    least_score: float = option(0.1, "presence below which a class is removed from a picture; SSSS code")

    def __post_init__(self) -> None:
        for name in ("mask_start", "foreground", "background", "least", "least_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("mask_weight", "refine_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if self.focal_floor <= 0:
            raise ValueError(f"focal_floor: expected above 0, got {self.focal_floor}")
        if self.auxiliary_weight:
            raise ValueError(f"auxiliary_weight: expected 0, got {self.auxiliary_weight}; tags teach that head nothing")
        if self.rest and self.student_weights is None:
            raise ValueError("rest: expected false without student_weights; statistics of random layers mean nothing")
