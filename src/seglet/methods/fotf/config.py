"""Configuration of FOTF; docs/methods/fotf.md gives the reason for a default where the paper does not say."""

from dataclasses import dataclass

from seglet.data.loading.partly_labelled import PartlyLabelledConfig
from seglet.losses.distillation.kl import WeightedForm
from seglet.methods.task_loss import TaskLossConfig
from seglet.methods.uncertainty_config import UncertaintyWeightConfig, check_at_least
from seglet.models.distillation.class_teacher import ClassTeacherConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(UncertaintyWeightConfig, ClassTeacherConfig, PartlyLabelledConfig, TaskLossConfig, StudentConfig):
    """Keys of FOTF; with `weigh_kd` and `weigh_task` off it is plain distillation and needs no stochastic passes."""

    teacher: str | None = option(
        None,
        "saved segmenter to distil from, hf:OWNER/NAME or hf:FOLDER of a segmenter of transformers, or ema: the "
        "student's moving average; several separated by commas, of which the mean teaches; none: the task loss alone, "
        "as in Table 2",
    )
    kd_weight: float = option(1.0, "λ, weight of the distillation term; CIRKD code")
    kd_form: WeightedForm = option(
        "eq3",
        "distillation term: eq3, whose minimum class weights move away from the teacher, or generalised, "
        "Σ w·(q_T·log(q_T / q_S) - q_T + q_S), least where student equals teacher",
    )
    temperature: float = option(1.0, "temperature of both distributions of the distillation term; Eq. 2 has none")
    mask_ignored: bool = option(False, "distil only annotated pixels; CIRKD distils all")

    def __post_init__(self) -> None:
        UncertaintyWeightConfig.__post_init__(self)
        PartlyLabelledConfig.__post_init__(self)
        TaskLossConfig.__post_init__(self)
        check_at_least(0, kd_weight=self.kd_weight, auxiliary_weight=self.auxiliary_weight)
        if self.temperature <= 0:
            raise ValueError(
                f"temperature: expected above 0, got {self.temperature}; 1 leaves probabilities as they are"
            )

    @property
    def unlabelled_obstacle(self) -> str:
        """The reason why images without masks have no part in the losses; empty if they have."""
        if self.teacher is None:
            return "there is no teacher to learn from; give one"
        return "mask_ignored leaves them out of distillation; set it to false" if self.mask_ignored else ""
