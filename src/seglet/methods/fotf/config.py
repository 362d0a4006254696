"""What a FOTF experiment can choose. Where the paper is silent, docs/methods/fotf.md gives the reason for a default."""

from dataclasses import dataclass

from seglet.methods.weighting import WeighingConfig, at_least
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(WeighingConfig, StudentConfig):
    """Vanilla distillation is `weigh_kd` and `weigh_task` both false; it then costs no stochastic pass."""

    teacher: str | None = option(None, "a saved segmenter; none leaves the task loss alone, as in Table 2")
    kd_weight: float = option(1.0, "λ of the distillation term; CIRKD code")
    temperature: float = option(1.0, "softens both distributions of the distillation term; Eq. 2 has none")
    mask_ignored: bool = option(False, "distil annotated pixels only; CIRKD distils all")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, kd_weight=self.kd_weight, auxiliary_weight=self.auxiliary_weight)
        if self.temperature <= 0:
            raise ValueError(
                f"temperature: expected above 0, got {self.temperature}; 1 leaves probabilities as they are"
            )
