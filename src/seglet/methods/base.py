"""What a paper must say about itself; nothing about how it is run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.data.artefact import Artefact
from seglet.data.columns.producer import Producer
from seglet.models.segmenter import Segmenter
from seglet.types import Classes, Losses, Movable, Progress

Step = TypeVar("Step")
Prediction = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Explanation(Movable):
    """How maps of classes came about: what stood at each stage, by the names of the stages, first to last.

    Axes: b images, k classes without background, h and w patches, n = h w.

    `maps` say how much of a class is where, from 0 up, before there is a background. `attention` says at which patches
    a patch looks; its rows need not sum to 1.
    """

    maps: Mapping[str, Float[Tensor, "b k h w"]]
    attention: Mapping[str, Float[Tensor, "b n n"]]


class Method(nn.Module, ABC, Generic[Step]):
    """The networks of a paper and the objective that binds them.

    A method is final: a variant is a config value or a new folder, never a subclass.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    """Offline columns that `losses` reads. The step lacks one that no producer makes, which the config may choose."""

    supervision: type
    """The typed step that `losses` takes: Labelled, Tagged, …"""

    boundary: ClassVar[bool] = False
    """Whether boundary IoU is also told in every validation."""

    student: Segmenter

    @classmethod
    @abstractmethod
    def build(cls, config: Any, classes: Classes, seed: int) -> "Method[Any]":
        """The method for these classes, as its frozen config says; `seed` decides the initial weights."""

    @classmethod
    def scored_columns(cls, config: Any) -> Sequence[str]:
        """Those columns that images to be scored on need too: the segmenter is shown them; see `data.planes`."""
        return ()

    @classmethod
    def guide(cls) -> str:
        """What to know of its keys beyond a line each; shown by `seglet train METHOD --keys`."""
        return ""

    @classmethod
    def producers(cls, config: Any, classes: Classes) -> Sequence[Producer]:
        """Who makes the columns that this config needs, those that others are made from first; loads nothing.

        `seglet prepare` runs them once, on whole images. A column that is only the source of another is not in
        `columns`.
        """
        return ()

    @classmethod
    def artefacts(cls, config: Any, classes: Classes) -> Sequence[Artefact]:
        """What `seglet prepare` makes once for the classes; loads nothing."""
        return ()

    def equip(self, made: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Takes the tensors of each artefact, by its name; once, before anything is trained or restored."""

    @abstractmethod
    def losses(self, step: Step, progress: Progress) -> Losses:
        """The objective on what one step sees."""

    def rate(self, batch: int) -> float:
        """What the learning rate is multiplied by when a step has `batch` images, over all processes; 1 leaves it."""
        return 1.0

    def before_step(self) -> None:
        """Called once before each optimiser step, gradients being complete; a part of them may be clipped here."""

    def after_step(self, progress: Progress) -> None:
        """Called once after each optimiser step; teachers move here."""

    def predict(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k h w"]:
        """Class logits at image size, for evaluation and deployment."""
        logits: Tensor = self.segmenter()(images)
        return logits

    def segmenter(self) -> Segmenter:
        """What is scored, kept and used; most often the student."""
        return self.student

    def label_maps(
        self,
        images: Float[Tensor, "b 3 h w"],
        tags: Float[Tensor, "b n"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k h w"]:
        """Maps of images whose classes are known, in [0, 1], without any segmenter: what pseudo labels come from.

        Tags are those of all classes but the background, which is the first map. `regions` are the true masks, for a
        control that is told them.

        Raises:
            ValueError: the method makes none before it has trained a segmenter.
        """
        raise ValueError("this method makes no masks from tags alone; train a segmenter with it, or choose diclip")

    def explain(
        self,
        images: Float[Tensor, "b 3 h w"],
        tags: Float[Tensor, "b n"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Explanation:
        """How `label_maps` come about, for people to look at.

        Raises:
            ValueError: the method has nothing to show of it.
        """
        raise ValueError("this method does not show how its masks come about; leave --explain out, or choose diclip")

    def companions(self) -> Mapping[str, Prediction]:
        """Networks that are scored beside `predict` in every validation, by name; each gives logits at image size."""
        return {}

    def alarms(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """What goes wrong, by a name for each kind; `terms` are means over the last steps, about twenty times a run."""
        return {}

    def references(self) -> Mapping[str, Prediction]:
        """Networks that are scored once before training begins, by name; each gives logits at image size."""
        return {}

    def remarks(self, size: tuple[int, int], batch: int) -> list[str]:
        """What is worth knowing before training on `batch` views of `size` (h, w) a process, a line each."""
        return []

    def opponents(self) -> nn.Module:
        """Networks trained against the student by an optimiser of their own (Adam at a constant rate)."""
        return nn.Module()

    def alike(self) -> list[str]:
        """Buffers that need not be sent to other processes, because all compute the same."""
        return []

    def suspects(self, step: Step, progress: Progress) -> list[str]:
        """What is known of the samples that made the losses of `step` NaN or infinite; may change the state."""
        return []
