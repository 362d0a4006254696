"""Optional parts of a method. The engine asks for each with `isinstance`, so a method has only those it needs.

A method names the protocols it implements as base classes: a misspelled or missing function is then an error when the
method is built, and the type checker compares the signatures.

Axes: b images, k classes with the background first, f = k - 1 foreground classes, h rows, w columns.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.types import Classes, Progress, TensorRecord

if TYPE_CHECKING:
    from seglet.data.artefact import Artefact

PredictFunction = Callable[[Tensor], Tensor]
"""Takes images in [0, 1], returns class logits at their size."""


@runtime_checkable
class KeyGuide(Protocol):
    """A method whose keys need more explanation than one line each."""

    @classmethod
    @abstractmethod
    def key_guide(cls) -> str:
        """Returns the text that `seglet train METHOD --keys` shows below the keys."""


@runtime_checkable
class ValidationColumns(Protocol):
    """A method whose segmenter reads offline columns, so that validation images need them too."""

    @classmethod
    @abstractmethod
    def validation_columns(cls, config: Any) -> Sequence[str]:
        """Returns the names of these columns; see `seglet.data.planes`."""


@runtime_checkable
class Artefacts(Protocol):
    """A method that uses tensors which `seglet prepare` computes once for the class set."""

    @classmethod
    @abstractmethod
    def artefacts(cls, config: Any, classes: Classes) -> "Sequence[Artefact]":
        """Returns the artefacts this config needs, without loading any network."""

    @abstractmethod
    def load_artefacts(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Takes the tensors of each artefact by its name; called once, before training or restoring a checkpoint."""


@runtime_checkable
class RestoredArtefacts(Artefacts, Protocol):
    """A method whose checkpoints hold its artefacts, so that a trained one needs no others."""

    @classmethod
    @abstractmethod
    def artefacts_of_state(cls, state: Mapping[str, Tensor]) -> Mapping[str, Mapping[str, Tensor]]:
        """Returns the tensors of each artefact by its name; none of those that `state` does not have."""


@runtime_checkable
class LearningRateFactor(Protocol):
    """A method that scales the learning rate with the batch size."""

    @abstractmethod
    def learning_rate_factor(self, batch: int) -> float:
        """Returns the factor for steps of `batch` images, counted over all processes; 1 changes nothing."""


@runtime_checkable
class BeforeStep(Protocol):
    """A method that changes gradients before the optimiser uses them, for example to clip some of them."""

    @abstractmethod
    def before_step(self) -> None:
        """Changes the gradients in place; called once before each optimiser step, after the last micro-batch."""


@runtime_checkable
class Adversaries(Protocol):
    """A method with networks trained against the student, such as discriminators."""

    @abstractmethod
    def adversaries(self) -> nn.Module:
        """Returns these networks; they have their own optimiser, Adam at a constant rate."""


@runtime_checkable
class UnsynchronisedBuffers(Protocol):
    """A method with buffers that are equal in all processes without being broadcast."""

    @abstractmethod
    def unsynchronised_buffers(self) -> list[str]:
        """Returns the dotted names of these buffers."""


@runtime_checkable
class TrainingNotes(Protocol):
    """A method that prints notes before training begins."""

    @abstractmethod
    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns one line per note, for training on `batch` views of `size` (height, width) per process."""


@runtime_checkable
class TrainingWarnings(Protocol):
    """A method that recognises when its training goes wrong."""

    @abstractmethod
    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns warnings by kind, given the loss terms averaged over the last steps; called about 20 times a run."""


@runtime_checkable
class ReferencePredictions(Protocol):
    """A method with other networks, such as its teacher, that are scored once before training."""

    @abstractmethod
    def reference_predictions(self) -> Mapping[str, PredictFunction]:
        """Returns the prediction function of each network by its name in the log."""


@runtime_checkable
class ReferenceLabels(Protocol):
    """A method one of whose reference networks does not know all classes."""

    @abstractmethod
    def reference_labels(self) -> Mapping[str, Sequence[int]]:
        """Returns, by the names of `reference_predictions`, the label ids that a network is scored on; else all are."""


@runtime_checkable
class ReferenceScores(Protocol):
    """A method that learns from the scores of its reference networks, such as which teacher is best on which class."""

    @abstractmethod
    def learn_reference_scores(self, name: str, iou: Sequence[float]) -> list[str]:
        """Takes the IoU of each class of one of `reference_predictions`, in their order; returns lines to print.

        NaN stands for a class that the validation data do not contain. It is called in every process, with the same
        scores, and only in the first run: what is learned has to be part of the checkpoint.
        """


@runtime_checkable
class ExtraValidation(Protocol):
    """A method with further predictions that every validation scores beside `predict`."""

    @abstractmethod
    def extra_predictions(self) -> Mapping[str, PredictFunction]:
        """Returns the prediction functions by their names in the log."""


@runtime_checkable
class MapValidation(Protocol):
    """A method whose class maps of training images every validation scores, so that a run shows how they change."""

    @abstractmethod
    def scored_maps(self) -> int:
        """Returns the number of training images whose maps are scored; 0 for none."""

    @abstractmethod
    def step_maps(self, step: Any) -> Float[Tensor, "b k h w"]:
        """Returns class maps in [0, 1] of whole images with tags, the background first, at the size of the images."""


@runtime_checkable
class BoundaryValidation(Protocol):
    """A method whose validations may also report boundary IoU."""

    validates_boundary: ClassVar[bool]
    """True if they report it."""


@runtime_checkable
class PseudoLabelValidation(Protocol):
    """A method that learns from its own predictions, which every validation scores as pseudo labels too."""

    @abstractmethod
    def least_confidences(self) -> Sequence[float]:
        """Returns the least confidence of a pseudo label that is used, class by class."""


@runtime_checkable
class NonFiniteDiagnosis(Protocol):
    """A method that can tell which samples made a loss NaN or infinite."""

    @abstractmethod
    def diagnose_non_finite(self, step: Any, progress: Progress) -> list[str]:
        """Returns one line per finding about the samples of `step`; may change buffers, which the engine restores."""


@runtime_checkable
class LabelMaps(Protocol):
    """A method that computes class maps from image tags without a trained segmenter: the source of pseudo labels."""

    @abstractmethod
    def label_maps(
        self,
        images: Float[Tensor, "b 3 h w"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k h w"]:
        """Returns class maps in [0, 1], the background first.

        `tags` leave out the background. `regions` are true masks, for control experiments that may use them.
        """


@runtime_checkable
class UntaggedMaps(LabelMaps, Protocol):
    """A method that also makes class maps of images of which nothing is known."""

    @abstractmethod
    def untagged_maps(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        """Returns class maps in [0, 1], the background first; those of classes that it does not find are 0."""


@runtime_checkable
class DeferredTeacher(Protocol):
    """A method with a network that makes its label maps and that training on stored columns does not need."""

    @abstractmethod
    def load_teacher(self, device: torch.device) -> list[str]:
        """Loads the network on a device; returns one line per note."""

    @abstractmethod
    def teacher_source(self) -> str:
        """Returns the short name, hub id or folder of its weights, whose licence goes into records and cards."""


@runtime_checkable
class ThresholdedScores(Protocol):
    """A method whose label maps come from scores of single classes, each with a threshold that can be calibrated."""

    @abstractmethod
    def class_scores(self, images: Float[Tensor, "b 3 h w"], tags: Float[Tensor, "b f"]) -> Float[Tensor, "b f h w"]:
        """Returns scores in [0, 1] of the tagged classes, before thresholds."""

    @abstractmethod
    def threshold_of_each(self) -> Float[Tensor, " f"]:
        """Returns the threshold of each class but the background, above 0 and below 1."""

    @abstractmethod
    def set_thresholds(self, thresholds: Float[Tensor, " f"]) -> None:
        """Takes other thresholds."""


@runtime_checkable
class ImageMemory(Protocol):
    """A method that can remember images which it is about to make masks of, without any training."""

    @abstractmethod
    def remember_images(
        self, names: Sequence[str], images: Float[Tensor, "b 3 h w"], tags: Float[Tensor, "b f"], shuffled: bool
    ) -> int:
        """Remembers the regions of these images that it is sure of, and returns how many.

        `shuffled` is a control: each is remembered as a region of another class, so that nothing true is learned.

        Raises:
            ValueError: the method has no memory.
        """


@dataclass(frozen=True)
class Explanation(TensorRecord):
    """Intermediate results behind the class maps of some images, by the names of the stages, first to last.

    Axes: b images, f foreground classes, h and w patches, n = h w.

    `maps` are class activations from 0 up, before a background is added. `attention` has for each patch its weights of
    all patches; rows need not sum to 1.
    """

    maps: Mapping[str, Float[Tensor, "b f h w"]]
    attention: Mapping[str, Float[Tensor, "b n n"]]


@runtime_checkable
class Explanations(Protocol):
    """A method that can show the stages of its `label_maps`."""

    @abstractmethod
    def explain(
        self,
        images: Float[Tensor, "b 3 h w"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Explanation:
        """Returns the stages for these images; the arguments are those of `LabelMaps.label_maps`."""
