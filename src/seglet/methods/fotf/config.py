"""What a FOTF experiment can choose. Where the paper is silent, docs/methods/fotf.md gives the reason for a default."""

from dataclasses import dataclass
from typing import Literal

from seglet.losses.uncertainty import Growth, Merging
from seglet.models.student import StudentConfig
from seglet.models.uncertainty import Sites
from seglet.types import option


@dataclass(frozen=True)
class Config(StudentConfig):
    """Vanilla distillation is `weigh_kd` and `weigh_task` both false; it then costs no stochastic pass."""

    teacher: str | None = option(None, "a saved segmenter; none leaves the task loss alone, as in Table 2")
    kd_weight: float = option(1.0, "λ of the distillation term; CIRKD code")
    temperature: float = option(1.0, "softens both distributions of the distillation term; Eq. 2 has none")
    mask_ignored: bool = option(False, "distil annotated pixels only; CIRKD distils all")

    samples: int = option(5, "T, stochastic passes; Sec. 4.1")
    kappa: float = option(5.0, "κ, how sharply the weight rises with σ; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    m: float = option(1.0, "how strongly σ counts; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    function: Growth = option("power", "power: (1 + mσ)^κ, Eq. 7; exponential: exp(κmσ), Table 4 with m = 1")
    weigh_kd: bool = option(True, "weigh the distillation term by uncertainty; Eq. 3")
    weigh_task: bool = option(True, "weigh the task loss by uncertainty; Eq. 8, Table 5")
    kd_merge: Merging = option("channel", "what keeps its own σ in the distillation term; best mean of Table 4")
    task_merge: Merging = option("pixel", "what keeps its own σ in the task loss; best mean of Table 8")
    ddof: int = option(1, "σ divides by T - ddof: 1 as torch.std does, 0 as Eq. 5 prints")
    sites: Sites = option("all", "dropouts that are sampled: all of the head, or only the last")
    deviation_at: Literal["logits", "labels"] = option(
        "logits", "where the task loss takes σ: at the logits' size, then resized, or from logits resized to the labels"
    )
    max_weight: float | None = option(None, "ceiling of the weight; the paper has none")

    def __post_init__(self) -> None:
        _at_least(1, samples=self.samples, max_weight=self.max_weight)
        _at_least(0, kd_weight=self.kd_weight, kappa=self.kappa, m=self.m, auxiliary_weight=self.auxiliary_weight)
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof: expected 0 or 1, got {self.ddof}")
        if self.temperature <= 0:
            raise ValueError(
                f"temperature: expected above 0, got {self.temperature}; 1 leaves probabilities as they are"
            )


def _at_least(least: int, **values: int | float | None) -> None:
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
