"""What a distillation experiment can choose; docs/methods/distill.md lists the terms and their options."""

from dataclasses import dataclass

from seglet.methods.distill.spec import parse
from seglet.methods.uncertainty_weights import UncertaintyWeightConfig, check_at_least
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(UncertaintyWeightConfig, StudentConfig):
    """A term is written as its name and options, `cwd weight=50 tap=feature`; several make a list.

    Unlike in `fotf`, no loss is weighed by uncertainty unless it is asked for.
    """

    teacher: str | None = option(None, "a saved segmenter of the same classes; there is no distillation without")
    terms: tuple[str, ...] = option(("kl",), "what is compared: name, then options such as weight=3 tap=stage4")
    task_weight: float = option(1.0, "of the loss against the masks; 0 distils without looking at them; CIRKD code")
    score_teacher: bool = option(True, "evaluate the teacher before training begins, and say what it reaches")

    weigh_kd: bool = option(False, "weigh every `kl` term by the student's uncertainty; FOTF Eq. 3")
    weigh_task: bool = option(False, "weigh the task loss by the student's uncertainty; FOTF Eq. 8")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(0, task_weight=self.task_weight, auxiliary_weight=self.auxiliary_weight)
        specs = parse(self.terms)
        if self.weigh_kd and not any(spec.weighable for spec in specs):
            raise ValueError("weigh_kd: expected a term `kl` on the logits to weigh; add one, or set weigh_kd to false")
