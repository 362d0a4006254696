"""What a term of distillation is told, and what it answers.

Axes: b images, c channels of the student, d of the teacher, k classes, h rows, w columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.types import Target, TensorRecord, option


@dataclass(frozen=True)
class Options:
    """The options of every term."""

    weight: float = option(1.0, "factor of the term in the sum")
    tap: str = option("feature", "where: logits, feature, auxiliary, stage1 to stage4, or the name of any module")
    teacher_tap: str | None = option(None, "where in the teacher; the same place if it is not given")
    resize: Literal["teacher", "student", "none"] = option("teacher", "which map follows the other's size, bilinearly")
    adaptor: Literal["auto", "plain", "bias", "none"] = option(
        "auto", "1x1 convolution to the teacher's channels: plain, with bias, none, or auto: plain where they differ"
    )

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"weight: expected 0 or more, got {self.weight}")


@dataclass(frozen=True)
class Shape:
    """What a term is built for: channels at both taps before any adaptor, classes, pixels a position stands for."""

    student: int
    teacher: int
    classes: int
    stride: float

    def size(self, crop: tuple[int, int]) -> tuple[int, int]:
        """Of the map that a view of `crop` (h, w) gives, about."""
        height, width = (max(1, round(side / self.stride)) for side in crop)
        return height, width


@dataclass(frozen=True)
class Pair(TensorRecord):
    """What is compared: both maps, the teacher's without gradient, and what else may count.

    A term gets maps of one size. `weight` is FOTF's w(i, c), None for 1 everywhere; `generator` is this process's own,
    `common` alike in all.
    """

    student: Float[Tensor, "b c h w"]
    teacher: Float[Tensor, "b d _ _"]
    target: Target
    weight: Float[Tensor, "b _ _ _"] | None
    generator: torch.Generator
    common: torch.Generator


class Part(NamedTuple):
    """A value to log, and its factor within the term."""

    value: Float[Tensor, ""]
    weight: float = 1.0


class Term(nn.Module, ABC):
    """A published loss at one place. It is final, and holds whatever it trains."""

    options: ClassVar[type[Options]]
    """What can be chosen; the defaults are the authors' for Cityscapes."""

    equal_channels: ClassVar[bool] = False
    """Whether the student is brought to the teacher's channels first."""

    weighable: ClassVar[bool] = False
    """Whether it heeds `Pair.weight`."""

    def __init__(self, options: Options, shape: Shape) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, pair: Pair) -> Mapping[str, Part]:
        """The parts of the loss by name; the name of the only one is empty."""

    def before_step(self) -> None:
        """Called once before each optimiser step, gradients being complete."""

    def adversary(self) -> nn.Module | None:
        """A network that is trained against the student."""
        return None

    def unsynchronised_buffers(self) -> list[str]:
        """Buffers that all processes compute alike."""
        return []

    def memory(self, batch: int, size: tuple[int, int]) -> int | None:
        """Bytes it may hold at once, beside its inputs, for maps of `size`; None where that is not worth a word."""
        return None
