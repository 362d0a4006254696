"""What a paper must say about itself; nothing about how it is run."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.segmenter import Segmenter
from seglet.types import Classes, Losses, Progress

Step = TypeVar("Step")


class Method(nn.Module, ABC, Generic[Step]):
    """The networks of a paper and the objective that binds them.

    A method is final: a variant is a config value or a new folder, never a subclass.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    """Offline columns that `losses` reads."""

    supervision: ClassVar[type]
    """The typed step that `losses` takes: Labelled, Tagged, …"""

    student: Segmenter

    @classmethod
    @abstractmethod
    def build(cls, config: Any, classes: Classes, seed: int) -> "Method[Any]":
        """The method for these classes, as its frozen config says; `seed` decides the initial weights."""

    @abstractmethod
    def losses(self, step: Step, progress: Progress) -> Losses:
        """The objective on what one step sees."""

    def after_step(self, progress: Progress) -> None:
        """Called once after each optimiser step; teachers move here."""

    def predict(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        """Class logits at image size, for evaluation and deployment."""
        logits: Tensor = self.student(images)
        return logits
