"""Keys of uncertainty weights, for any method (FOTF, Eq. 4-8); docs/methods/fotf.md has the reasons for defaults."""

from dataclasses import dataclass
from typing import Literal

from seglet.losses.uncertainty import DeviationMerging, WeightGrowth
from seglet.models.distillation.class_teacher import ClassTeacher
from seglet.models.layers.dropout import has_active_dropout
from seglet.models.network import Network
from seglet.models.uncertainty import DropoutSites
from seglet.types import option

Uncertainty = Literal["mc", "entropy", "margin", "teacher-mc", "teacher-entropy"]
"""Kind of σ: over stochastic passes of student or teacher, or of the probabilities of one pass of either."""


@dataclass(frozen=True)
class UncertaintyWeightConfig:
    """Keys of uncertainty weights; by default they are the paper's."""

    uncertainty: Uncertainty = option(
        "mc",
        "σ: deviation over stochastic passes of the student (mc, Eq. 5), entropy or margin 1 - p1 + p2 of its one "
        "pass, or the teacher's (teacher-mc, teacher-entropy, Fig. 1b)",
    )
    samples: int = option(5, "T, number of stochastic passes; FOTF Sec. 4.1")
    kappa: float = option(5.0, "κ, how sharply the weight rises with σ; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    m: float = option(1.0, "factor on σ; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    kappa_warmup: int = option(0, "steps over which κ rises from 0 to its value; the paper has none")
    target_weight: float | None = option(
        None,
        "mean weight to hold: κ and m then follow running quantiles of σ, whatever the keys say; none: they are fixed",
    )
    function: WeightGrowth = option("power", "power: (1 + mσ)^κ, Eq. 7; exponential: exp(κmσ), Table 4 with m = 1")
    weigh_kd: bool = option(True, "weight the distillation term by uncertainty; Eq. 3")
    weigh_task: bool = option(True, "weight the task loss by uncertainty; Eq. 8, Table 5")
    kd_merge: DeviationMerging | None = option(
        None,
        "dimension that keeps its own σ in the distillation term; none: channel, best mean of Table 4, or pixel where "
        "σ has one value a pixel",
    )
    task_merge: DeviationMerging = option(
        "pixel", "dimension that keeps its own σ in the task loss; best mean of Table 8"
    )
    ddof: int = option(1, "σ divides by T - ddof: 1 as torch.std, 0 as in Eq. 5")
    sites: DropoutSites = option("all", "dropout layers that are sampled: all of the head, or only the last")
    deviation_at: Literal["logits", "labels"] = option(
        "logits", "size at which σ of the task loss is computed: the logits' (then resized), or the labels'"
    )
    max_weight: float | None = option(None, "upper bound of the weight; the paper has none")
    normalise: Literal["none", "mean"] = option(
        "none", "mean: divide the weights of a step by their mean, so that they move weight and add none"
    )
    shuffle: bool = option(False, "shuffle σ over the pixels of a step: a control of equal weights in the wrong places")

    def __post_init__(self) -> None:
        check_at_least(1, samples=self.samples, max_weight=self.max_weight, target_weight=self.target_weight)
        check_at_least(0, kappa=self.kappa, m=self.m, kappa_warmup=self.kappa_warmup)
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof: expected 0 or 1, got {self.ddof}")
        if self.target_weight is not None and self.max_weight is not None and self.target_weight > self.max_weight:
            raise ValueError(f"target_weight: expected at most max_weight {self.max_weight}, got {self.target_weight}")
        for key in ("kd_merge", "task_merge"):
            if not self.samples_passes and getattr(self, key) in ("logits", "channel"):
                raise ValueError(
                    f"{key}: {self.uncertainty} has one value a pixel and none a class, so expected pixel, class or "
                    f"sample, got {getattr(self, key)}"
                )

    @property
    def samples_passes(self) -> bool:
        """True if σ needs stochastic passes; it then has a value for each class of a pixel."""
        return self.uncertainty in ("mc", "teacher-mc")

    @property
    def asks_teacher(self) -> bool:
        """True if σ is the teacher's."""
        return self.uncertainty.startswith("teacher")

    @property
    def distillation_merge(self) -> DeviationMerging:
        """The dimension that keeps its own σ in the distillation term."""
        return self.kd_merge or ("channel" if self.samples_passes else "pixel")

    def weighs(self, distils: bool) -> bool:
        """Returns True if a loss is weighted; `distils` says whether there is a distillation term."""
        return self.weigh_task or (self.weigh_kd and distils)


def check_at_least(least: int, **values: int | float | None) -> None:
    """Checks values of a config by name; None is allowed.

    Raises:
        ValueError: a value is below `least`.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")


def check_uncertainty(
    config: UncertaintyWeightConfig, student: Network, teacher: ClassTeacher | None, distils: bool
) -> None:
    """Checks that the networks have the uncertainty that the config asks for, if any loss is weighted by it.

    Raises:
        ValueError: stochastic passes without dropout, or a teacher's uncertainty without a teacher that has it.
    """
    if not config.weighs(distils):
        return
    network: object = student
    if config.asks_teacher:
        if teacher is None:
            raise ValueError(f"uncertainty: {config.uncertainty} needs a teacher; give one, or take mc or entropy")
        if teacher.shared is not None and (config.samples_passes or config.task_merge == "class"):
            raise ValueError(
                f"uncertainty: {config.uncertainty} with a σ for each class needs a teacher of the data's own classes; "
                "take teacher-entropy with task_merge pixel, or mc"
            )
        network = teacher.network
    if config.samples_passes and not _has_sampled_dropout(network, config.sites):
        whose = "the teacher" if config.asks_teacher else "the student"
        cure = "take teacher-entropy" if config.asks_teacher else "set `dropout` above 0, or take entropy or margin"
        raise ValueError(
            f"uncertainty: {whose} has no dropout in its head, so its stochastic passes would be equal; {cure}"
        )


def _has_sampled_dropout(network: object, sites: DropoutSites) -> bool:
    if not isinstance(network, Network):
        return False
    tail = network.head.tail
    return has_active_dropout(tail.dropout if sites == "last" else tail)
