"""The keys of an experiment with the focal loss."""

from dataclasses import dataclass

from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(StudentConfig):
    """The keys that choose the network, and one of the loss."""

    focus: float = option(2.0, "exponent γ of the weight of a pixel; 0 is cross-entropy; Sec. 3.2 finds 2 best")
