"""The contract of a method: its networks, its objective, and what it predicts. Nothing here knows how it is run.

`seglet.methods.protocols` has the optional parts.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.segmenter import Segmenter
from seglet.types import Classes, Losses, Progress

if TYPE_CHECKING:
    from seglet.data.columns.producer import ColumnProducer

Step = TypeVar("Step")


class Method(nn.Module, ABC, Generic[Step]):
    """The networks of a paper and the objective that trains them.

    A method of seglet is final: a variant is a config value or a new folder. Classes outside seglet may derive from it.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    """Offline columns that `losses` may read. A step has those that `producers` makes for this config."""

    supervision: type
    """Type of the step that `losses` takes (Labelled, Tagged, SemiStep): set on the class, or on the instance where the
    config decides."""

    config_class: ClassVar[type]
    """Dataclass of the config; only a class that no package exports beside `Config` must name it."""

    any_channels: ClassVar[bool] = False
    """True if the method learns from images of any channels: no other network sees them, and no colour is changed."""

    student: Segmenter
    """The segmenter in training."""

    @classmethod
    @abstractmethod
    def build(cls, config: Any, classes: Classes, seed: int) -> "Method[Any]":
        """Returns the method for these classes, as its config says; `seed` decides the initial weights."""

    @classmethod
    def producers(cls, config: Any, classes: Classes) -> "Sequence[ColumnProducer]":
        """Returns what computes the columns this config needs, sources before what is made from them; loads nothing.

        `seglet prepare` runs them once, on whole images. A column that only serves as a source is not in `columns`.
        """
        return ()

    @abstractmethod
    def losses(self, step: Step, progress: Progress) -> Losses:
        """Computes the objective on one step."""

    def after_step(self, progress: Progress) -> None:
        """Updates what follows the student, such as a moving-average teacher; called after each optimiser step."""

    def predict(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k h w"]:
        """Returns class logits at image size, for evaluation and deployment."""
        logits: Tensor = self.segmenter()(images)
        return logits

    def inference_defaults(self) -> InferenceDefaults:
        """Returns how the saved segmenter is to look at images where nothing else is asked for: the test protocol."""
        return InferenceDefaults()

    def segmenter(self) -> Segmenter:
        """Returns the segmenter that is scored and saved; the student unless a method says otherwise."""
        return self.student
