"""Configuration of cross pseudo supervision; docs/methods/cps.md says where it differs from the authors' code."""

from dataclasses import dataclass

from seglet.data.loading.semi_dataset import PartnerSource, SemiConfig
from seglet.labels.semi.cutmix import CutMixOptions
from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(SemiConfig, TaskLossConfig, StudentConfig):
    """Keys of cross pseudo supervision with CutMix; `cutmix_chance: 0` is the one without."""

    auxiliary_weight: float = option(0.0, "weight of the loss of a ResNet's auxiliary head; the authors have none")
    streams: int = option(1, "strong views of an image per step; none of them is used, as images are only mixed")
    partner: PartnerSource = option(
        "reversed", "what CutMix pastes: the step's own images in reverse, or others (batch)"
    )
    pseudo_weight: float = option(1.5, "λ, weight of the loss of pseudo labels; authors' code, VOC: 1.5, Cityscapes: 6")
    cutmix_chance: float = option(1.0, "probability that an unlabelled view has a box of another image; authors' code")
    cutmix_area: tuple[float, float] = option(
        (0.25, 0.5), "smallest and largest area of the box, as a fraction of the image; authors' code: always half"
    )
    cutmix_aspect: float = option(0.5, "smallest height / width of the box, the largest is its inverse; ours")

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        for name in ("pseudo_weight", "auxiliary_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        _ = self.boxes

    @property
    def boxes(self) -> CutMixOptions:
        return CutMixOptions(self.cutmix_chance, self.cutmix_area, self.cutmix_aspect)
