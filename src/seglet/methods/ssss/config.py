"""Configuration of SSSS; docs/methods/ssss.md says where the papers and their codes differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.methods.tag_supervision import TagSupervisionConfig
from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(TagSupervisionConfig, TaskLossConfig, StudentConfig):
    """Keys of SSSS; `scores: mean`, `mask_weight: 0` and a `cam-…` network is the CAM baseline."""

    student: str = option("ssss-wideresnet38", "network to train: ssss-BACKBONE, or cam-BACKBONE; SSSS Sec. 5.1")
    auxiliary_weight: float = option(0.0, "0: tags give an auxiliary head nothing to learn")

    task: tuple[str, ...] = option(("image",), "losses against refined masks, see supervised; SSSS code: image")
    scores: Literal["masks", "mean"] = option(
        "masks", "class score: pooled under the class's mask (nGWP and focal penalty, Eq. 1-2), or the mean (CAM)"
    )
    rest: bool = option(
        False, "freeze early layers and the backbone's batch norms (SSSS code); only with pretrained weights"
    )

    scales: tuple[float, ...] = option((1.0, 0.5), "image scales in validation; SSSS code, in test 1, .5, 1.5, 2")
    mirror: bool = option(False, "also predict the mirrored image at each scale; SSSS code, in test")
    background_power: float = option(
        1.0, "exponent of the background mask; above 1 it gives way to classes; SSSS code: 3 in test"
    )
    least_score: float = option(0.1, "probability of presence below which a class is removed; SSSS code")

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"least_score: expected 0 to 1, got {self.least_score}")
        if self.auxiliary_weight:
            raise ValueError(f"auxiliary_weight: expected 0, got {self.auxiliary_weight}; tags do not train that head")
        if self.rest and self.student_weights is None:
            raise ValueError(
                "rest: expected false without student_weights; statistics of random layers are meaningless"
            )
