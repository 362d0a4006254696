"""Configuration of CLIP-ES; docs/methods/clip-es.md says where paper and code differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.methods.clip_cams import ClipCamConfig
from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(ClipCamConfig, TaskLossConfig, StudentConfig):
    """Keys of CLIP-ES: those of its maps, and those of the network that may be trained on them."""

    student: str = option("deeplabv2-resnet101", "network to train on the masks: HEAD-BACKBONE; CLIP-ES Sec. 4.1")
    auxiliary_weight: float = option(0.0, "weight of the auxiliary head's loss; CLIP-ES has no such head")

    refiner: Literal["crf", "par", "none"] = option(
        "crf", "refinement of the masks that the network learns from: CRF with ExCEL's settings, which are CLIP-ES's, "
        "or PAR, which is far quicker"
    )  # fmt: skip
    par_steps: int = option(20, "steps of PAR, where it refines; WeCLIP code")
    confidence: float = option(
        0.95, "µ, least share of a class at a pixel that the network learns from (CGL); CLIP-ES code; 0: all pixels"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        if self.par_steps < 0:
            raise ValueError(f"par_steps: expected 0 or more, got {self.par_steps}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence: expected 0 to 1, got {self.confidence}")
