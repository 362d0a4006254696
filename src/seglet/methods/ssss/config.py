"""What an experiment with tags can choose; docs/methods/ssss.md says where the papers and their codes differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.methods.self_taught import SelfTaughtConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(SelfTaughtConfig, StudentConfig):
    """With `scores: mean`, `mask_weight: 0` and a `cam-…` network it is the CAM baseline."""

    student: str = option("ssss-wideresnet38", "network that is trained: ssss-BACKBONE, or cam-BACKBONE; SSSS Sec. 5.1")
    auxiliary_weight: float = option(0.0, "0: an auxiliary head has nothing to learn from tags")

    scores: Literal["masks", "mean"] = option(
        "masks", "how a class is scored: under its own mask (nGWP and focal, Eq. 1-2), or by its mean activation (CAM)"
    )
    rest: bool = option(
        False, "keep early layers and the backbone's batch norms as they are (SSSS code); only with pretrained weights"
    )

    scales: tuple[float, ...] = option((1.0, 0.5), "of an image in validation; SSSS code, in test 1, .5, 1.5, 2")
    mirror: bool = option(False, "mirror each of them too; SSSS code in test")
    background_power: float = option(1.0, "the background yields to classes above 1; SSSS code: 3 in test")
    least_score: float = option(0.1, "presence below which a class is removed from an image; SSSS code")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"least_score: expected 0 to 1, got {self.least_score}")
        if self.auxiliary_weight:
            raise ValueError(f"auxiliary_weight: expected 0, got {self.auxiliary_weight}; tags teach that head nothing")
        if self.rest and self.student_weights is None:
            raise ValueError("rest: expected false without student_weights; statistics of random layers mean nothing")
