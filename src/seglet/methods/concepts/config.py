"""Configuration of masks by a network that is asked by words; docs/methods/concepts.md explains the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig
from seglet.types import Classes, option
from seglet.values import ConfigError, choose_from, fold_spelling


@dataclass(frozen=True)
class Config(TaskLossConfig, StudentConfig):
    """Keys of the network that is asked, and of its maps; those of the student matter in training alone."""

    student: str = option("fpn-efficientnet_lite0", "network to train: HEAD-BACKBONE; ours")
    output_stride: int = option(32, "pixels per position of the student's last stage; ours, for EfficientNet-Lite")
    task: tuple[str, ...] = option(("balanced",), "losses against the maps, see supervised; AFA: balanced")
    auxiliary_weight: float = option(0.0, "weight of the auxiliary head's loss, for ResNets; 0: no such head; ours")

    model: str = option(
        "clipseg", "network that is asked: clipseg, sam3, tipsv2-b14, or the hub id or folder of such a one"
    )
    prompts: str = option("", "phrases of each class: a YAML file, voc, coco or world; none: its name")
    template: str = option("{}", "sentence around a phrase; CLIPSeg's authors: a photo of a {}")
    evidence: Literal["semantic", "instances"] = option(
        "semantic", "maps of SAM 3: of its semantic head, or of its instances, each its mask times its score"
    )
    model_precision: Literal["float32", "bfloat16", "float16"] = option(
        "float32", "precision of the network that is asked"
    )

    class_threshold: float = option(
        0.5, "score from which a pixel may be of a class; the library's post-processing: 0.5"
    )
    class_thresholds: tuple[str, ...] = option(
        (), "the same for single classes, each NAME=SCORE, as `seglet predict --calibrate` prints"
    )
    presence: float = option(0.5, "where no tags are known: presence from which a class is sought; ours")
    margin: float = option(0.0, "lead of the strongest class or background below which a pixel is void; ours")
    background_power: float = option(
        1.0, "exponent of the background, 1 minus the strongest class; 1: thresholds hold as they are; ours"
    )

    par_steps: int = option(10, "in training: steps of PAR that refine the maps; AFA; 0 leaves them as they are")
    confidence: float = option(
        0.5, "in training: share of the refined maps below which the strongest class is void; ours"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.template.count("{}") != 1:
            raise ValueError(f"template: expected one {{}} where the phrase goes, got {self.template!r}")
        for name in ("presence", "margin", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        _check_threshold("class_threshold", self.class_threshold)
        for text in self.class_thresholds:
            _named_threshold(text)
        if self.background_power <= 0:
            raise ValueError(f"background_power: expected above 0, got {self.background_power}")
        if self.par_steps < 0:
            raise ValueError(f"par_steps: expected 0 or more, got {self.par_steps}")

    def thresholds_of(self, classes: Classes) -> list[float]:
        """Returns the threshold of each class but the background, in their order.

        Raises:
            ConfigError: there is a threshold for a class that is none of these, or two for one.
        """
        names = list(classes.foreground.values())
        own = _by_class([_named_threshold(text) for text in self.class_thresholds], names)
        return [own.get(name, self.class_threshold) for name in names]


def _by_class(given: Sequence[tuple[str, float]], names: Sequence[str]) -> dict[str, float]:
    written = {fold_spelling(name): name for name in names}
    found: dict[str, float] = {}
    for word, value in given:
        name = written.get(fold_spelling(word))
        if name is None:
            raise ConfigError(f"class_thresholds: {word!r} is no class; {choose_from(word, list(names))}")
        if name in found:
            raise ConfigError(f"class_thresholds: there are two for class {name!r}; give one")
        found[name] = value
    return found


def _named_threshold(text: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        equals, value = "", 0.0
    if not (name and equals):
        raise ValueError(f"class_thresholds: expected NAME=SCORE, such as road=0.4, got {text!r}")
    _check_threshold(f"class_thresholds: {name}", value)
    return name, value


def _check_threshold(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name}: expected above 0 and below 1, got {value}")
