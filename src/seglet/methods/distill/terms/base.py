"""Interface of a distillation term: its options, its input and its output.

Axes: b images, c channels of the student, d of the teacher, k classes, h rows, w columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from seglet.losses.task import annotated_pixels
from seglet.types import Target, TensorRecord, option

Weighting = Literal["none", "logits", "pixel", "any"]
"""Use of FOTF's weights: none; on logits alone; one weight a pixel on any map; or that, and on logits any weights."""


@dataclass(frozen=True)
class TermOptions:
    """Options that every term has."""

    weight: float = option(1.0, "weight of the term in the loss; 0 leaves it out")
    tap: str = option(
        "feature", "compared map: logits, feature, auxiliary, stage1 to stage4, or the name of any module"
    )
    teacher_tap: str | None = option(
        None, "compared map of the teacher; the same as tap if not given; of an encoder last or layer1, layer2, …"
    )
    teacher: str | None = option(
        None, "frozen encoder to learn from instead of the teacher, hf:OWNER/NAME or hf:FOLDER: DINOv2, DINOv3, SAM, …"
    )
    resize: Literal["teacher", "student", "none"] = option(
        "teacher", "map that is resized to the other's size, bilinearly: the teacher's or the student's"
    )
    adaptor: Literal["auto", "plain", "bias", "none"] = option(
        "auto", "1x1 convolution to the teacher's channels: plain, with bias, none, or auto: plain if channels differ"
    )

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"weight: expected 0 or more, got {self.weight}")
        if self.teacher is not None and not self.teacher.startswith("hf:"):
            raise ValueError(f"teacher: expected an encoder as hf:OWNER/NAME or hf:FOLDER, got {self.teacher}")
        if self.teacher is not None and self.tap == "logits":
            raise ValueError("teacher: an encoder has features and no logits; compare them with tap=stage4 or another")

    weighted: bool = option(
        False,
        "weight the term by FOTF's weights, with weigh_kd; of `kl` on the logits true; cwd, dist, diffkd, mse: ours",
    )

    @property
    def off(self) -> bool:
        """True if the weights leave nothing of the term, which is then not built."""
        return self.weight == 0


@dataclass(frozen=True)
class TermShape:
    """Size of a term: channels at both taps before any adaptor, number of classes, and stride of the maps in pixels."""

    student: int
    teacher: int
    classes: int
    stride: float

    def size(self, crop: tuple[int, int]) -> tuple[int, int]:
        """Returns the approximate size of the map of a view of `crop` (height, width)."""
        height, width = (max(1, round(side / self.stride)) for side in crop)
        return height, width


@dataclass(frozen=True)
class FeaturePair(TensorRecord):
    """Input of a term: maps of one size, the teacher's without gradient, and the target.

    `weight` is FOTF's w(i, c), None for 1 everywhere. `generator` belongs to this process, `common` is the same in all
    processes. `known` is false for pixels of classes that the teacher does not have, which are not distilled; None
    where it has all. `places` are the channels of the pixels' classes where the teacher's map is logits of some classes
    alone, IGNORE for other classes; None where the labels are the channels.
    """

    student: Float[Tensor, "b c h w"]
    teacher: Float[Tensor, "b d _ _"]
    target: Target
    weight: Float[Tensor, "b _ _ _"] | None
    generator: torch.Generator
    common: torch.Generator
    known: Bool[Tensor, "b _ _"] | None = None
    places: Integer[Tensor, "b _ _"] | None = None


def counted_pixels(pair: FeaturePair, mask_ignored: bool) -> Bool[Tensor, "b h w"] | None:
    """Returns the pixels of the compared maps that a term counts, None for all.

    Those of classes that the teacher lacks are none of them, nor, with `mask_ignored`, those without annotation.
    """
    if not mask_ignored:
        return pair.known
    annotated = annotated_pixels(pair.target.labels, pair.student.shape[-2:])
    return annotated if pair.known is None else annotated & pair.known


class TermPart(NamedTuple):
    """Part of a loss: a value to log, and its factor in the sum."""

    value: Float[Tensor, ""]
    weight: float = 1.0


class Term(nn.Module, ABC):
    """A published loss between two maps, with the networks that it trains. Terms are final classes."""

    options: ClassVar[type[TermOptions]]
    """Type of its options; defaults are the authors' for Cityscapes."""

    equal_channels: ClassVar[bool] = False
    """True if both maps must have the same channels."""

    weighting: ClassVar[Weighting] = "none"
    """The maps and weights with which the term uses `FeaturePair.weight`."""

    unweighted_because: ClassVar[str] = "its loss is no sum over pixels"
    """The reason of `weighting` none, as the end of a message."""

    leaves_out: ClassVar[bool] = False
    """True if the term leaves out pixels where `FeaturePair.known` is false; for others the two maps are equal there.
    """

    of_logits: ClassVar[bool] = False
    """True if the teacher's map is always its logits, so that it is told their classes at any tap of the student."""

    def __init__(self, options: TermOptions, shape: TermShape) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        """Computes the parts of the loss by name; a single part has an empty name."""

    def before_step(self) -> None:
        """Changes gradients; called once before each optimiser step, after the last micro-batch."""

    def adversary(self) -> nn.Module | None:
        """Returns the network that is trained against the student, if there is one."""
        return None

    def unsynchronised_buffers(self) -> list[str]:
        """Returns the names of buffers that are equal in all processes without being broadcast."""
        return []

    def memory_bytes(self, batch: int, size: tuple[int, int]) -> int | None:
        """Returns the most bytes it holds beside its inputs, for maps of `size`; None if that is negligible."""
        return None
