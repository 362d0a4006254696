"""Configuration of distillation by a list of terms; docs/methods/distill.md lists them with their options."""

from dataclasses import dataclass

from seglet.data.loading.partly_labelled import PartlyLabelledConfig
from seglet.methods.distill.term_spec import active_terms
from seglet.methods.task_loss import TaskLossConfig
from seglet.methods.uncertainty_config import UncertaintyWeightConfig, check_at_least
from seglet.models.distillation.class_teacher import ClassTeacherConfig, teacher_sources
from seglet.models.distillation.teacher_group import TeacherRule
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(UncertaintyWeightConfig, ClassTeacherConfig, PartlyLabelledConfig, TaskLossConfig, StudentConfig):
    """Keys of distillation; a term is written as its name and options, such as `cwd weight=50 tap=feature`.

    Unlike in `fotf`, uncertainty weights are off by default.
    """

    teacher: str | None = option(
        None,
        "saved segmenter to distil from, hf:OWNER/NAME or hf:FOLDER of a segmenter of transformers, or ema: the "
        "student's moving average; several separated by commas; required",
    )
    teacher_rule: TeacherRule = option(
        "mean", "several teachers: mean of their probabilities, or class: each class by the best on the validation data"
    )
    terms: tuple[str, ...] = option(("kl",), "distillation losses, each a name and options such as weight=3 tap=stage4")
    task_weight: float = option(1.0, "weight of the loss against the masks; 0 distils without masks; CIRKD code")
    score_teacher: bool = option(True, "evaluate the teacher before training, and print its scores")

    weigh_kd: bool = option(
        False, "weight every `kl` term on the logits, and terms with weighted=true, by uncertainty; FOTF Eq. 3"
    )
    weigh_task: bool = option(False, "weight the task loss by the student's uncertainty; FOTF Eq. 8")

    def __post_init__(self) -> None:
        UncertaintyWeightConfig.__post_init__(self)
        PartlyLabelledConfig.__post_init__(self)
        TaskLossConfig.__post_init__(self)
        check_at_least(0, task_weight=self.task_weight, auxiliary_weight=self.auxiliary_weight)
        if self.teacher_rule == "class" and (len(teacher_sources(self.teacher or "")) < 2 or not self.score_teacher):
            raise ValueError(
                "teacher_rule: class chooses among several teachers, separated by commas, by their scores; give them, "
                "and set score_teacher to true"
            )
        specs = active_terms(self.terms)
        if self.task_weight == 0 and not specs:
            raise ValueError(
                "task_weight: expected above 0 where all terms have weight 0, or there is nothing to learn from; give "
                "it or a term a weight"
            )
        for spec in specs:
            spec.check_weights(self.weigh_kd, self.distillation_merge)
        if self.weigh_kd and not any(spec.weighable for spec in specs):
            raise ValueError(
                "weigh_kd: expected a term `kl` on the logits to weight, or another with weighted=true; add one, or "
                "set weigh_kd to false"
            )

    @property
    def unlabelled_obstacle(self) -> str:
        """The reason why images without masks have no part in the losses; empty if they have."""
        specs = active_terms(self.terms)
        if not specs:
            return "all terms have weight 0; give one a weight"
        if all(getattr(spec.options, "mask_ignored", False) for spec in specs):
            return "all terms have mask_ignored=true, which leaves them out; set it to false"
        return ""
