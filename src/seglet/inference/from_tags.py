"""Masks from tags by a method without a segmenter: `--method` of `seglet predict` and `seglet evaluate`.

Axes: k classes with the background first, h rows, w columns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.engine.console import print_message
from seglet.images import resize_by_factor
from seglet.methods.protocols import (
    DeferredTeacher,
    Explanation,
    Explanations,
    ImageMemory,
    LabelMaps,
    RestoredArtefacts,
    TrainingNotes,
    UntaggedMaps,
)
from seglet.models.image_tensor import image_batch
from seglet.tensors import resize_align_corners
from seglet.types import Classes, tag_vector, without_background

if TYPE_CHECKING:
    from seglet.engine.experiment import Experiment


Adapting = Literal["none", "memory", "shuffled"]
"""Use of the images to predict before they are predicted: none; remembered; or, a control, as of wrong classes."""


@dataclass(frozen=True)
class TagPredictor:
    """A method in place of a segmenter, for images whose tags are known."""

    method: LabelMaps
    classes: Classes
    device: torch.device

    def class_maps(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        tags: Sequence[int] | None,
        shrink: float = 1.0,
        truth: UInt8[np.ndarray, "h2 w2"] | None = None,
    ) -> Float32[np.ndarray, "k h w"]:
        """Returns class maps in [0, 1], at the size of the image.

        Args:
            image: the image.
            tags: label ids of its classes; None if they are not known.
            shrink: factor by which it is shrunk before.
            truth: true labels, for controls that use them.

        Raises:
            ValueError: the tags are not known, and the method needs them.
        """
        if tags is None:
            return self._untagged_maps(image, shrink)
        return np.asarray(self.class_maps_of_batch([image], [tags], shrink, None if truth is None else [truth])[0])

    @property
    def needs_tags(self) -> bool:
        """True for a method that does not find out by itself which classes are in an image."""
        return not isinstance(self.method, UntaggedMaps)

    @torch.inference_mode()
    def _untagged_maps(self, image: UInt8[np.ndarray, "h w 3"], shrink: float) -> Float32[np.ndarray, "k h w"]:
        if not isinstance(self.method, UntaggedMaps):
            raise ValueError("a method makes masks of the classes that are known to be in an image; give --tags, or "
                             "--data with tags or masks")  # fmt: skip
        source = image_batch(resize_by_factor(image, shrink)).to(self.device)
        found = resize_align_corners(self.method.untagged_maps(source), (image.shape[0], image.shape[1]))
        return np.asarray(found[0].float().cpu().numpy())

    @torch.inference_mode()
    def class_maps_of_batch(
        self,
        images: Sequence[UInt8[np.ndarray, "h w 3"]],
        tags: Sequence[Sequence[int]],
        shrink: float = 1.0,
        truths: Sequence[UInt8[np.ndarray, "h2 w2"]] | None = None,
    ) -> Float32[np.ndarray, "b k h w"]:
        """Returns the class maps of images of one size, each as it would be alone up to rounding.

        Raises:
            ValueError: they are not finite.
        """
        found: Tensor = self.method.label_maps(*self._given(images, tags, shrink, truths))
        if not bool(found.isfinite().all()):
            raise ValueError("the class maps of these images are not finite: a network computes in half precision, or "
                             "has diverged; use bfloat16 or float32, or another run")  # fmt: skip
        return np.asarray(resize_align_corners(found, (images[0].shape[0], images[0].shape[1])).float().cpu().numpy())

    @torch.inference_mode()
    def remember(
        self, images: Iterable[tuple[str, UInt8[np.ndarray, "h w 3"], Sequence[int]]], adapting: Adapting, shrink: float
    ) -> int:
        """Lets the method remember named images with known tags before it makes masks of them; returns the regions.

        Raises:
            ValueError: the method cannot.
        """
        if not isinstance(self.method, ImageMemory):
            raise ValueError("this method remembers no images; leave --adapt out, or choose diclip")
        count = 0
        for name, image, tags in images:
            pixels, vectors, _ = self._given([image], [tags], shrink, None)
            count += self.method.remember_images([name], pixels, vectors, adapting == "shuffled")
        return count

    @torch.inference_mode()
    def explain(self, image: UInt8[np.ndarray, "h w 3"], tags: Sequence[int], shrink: float = 1.0) -> Explanation:
        """Returns the stages by which the class maps of an image are made.

        Raises:
            ValueError: the method does not show them.
        """
        if not isinstance(self.method, Explanations):
            raise ValueError(
                "this method does not show the stages of its class maps; leave --explain out, or choose diclip"
            )
        return self.method.explain(*self._given([image], [tags], shrink, None))

    def _given(
        self,
        images: Sequence[UInt8[np.ndarray, "h w 3"]],
        tags: Sequence[Sequence[int]],
        shrink: float,
        truths: Sequence[UInt8[np.ndarray, "h2 w2"]] | None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns images, tags and true labels as a method takes them."""
        vectors = torch.stack([tag_vector(labels, len(self.classes)) for labels in tags])
        sources = torch.cat([image_batch(resize_by_factor(image, shrink)) for image in images]).to(self.device)
        regions = None if truths is None else torch.from_numpy(np.stack(truths)).to(self.device).long()
        return sources, without_background(vectors).to(self.device), regions


class ClassesOnly(Dataset):
    """A data set of no images, for its classes alone."""

    def __init__(self, classes: Classes) -> None:
        self.classes, self.ids, self.fingerprint = classes, (), "none"

    def read(self, index: int) -> Sample:
        """Raises an error: there is nothing to read."""
        raise DataError(
            "there are no images to remember classes by; predict a data set (`seglet predict --data`), or set "
            "cache_from otherwise"
        )


def open_method(
    source: str,
    data: Dataset | None,
    named: str | None,
    device: str,
    keys: Mapping[str, Any] | None = None,
    on_classes: Callable[[Classes], None] | None = None,
) -> TagPredictor:
    """Opens a method with its artefacts, which are made now if they are missing; those of a run come from the run.

    Args:
        source: name of the method, its experiment (YAML), or a run that trained it.
        data: images whose classes are to be found, and which the method may store; a run has its own classes.
        named: name of these data.
        device: device to compute on.
        keys: keys of the method in place of the experiment's.
        on_classes: is called with the classes before anything costly begins.

    Raises:
        ValueError: there is no such method or run, or the method makes no masks without training.
    """
    from seglet.engine.datasets import training_data
    from seglet.engine.method_setup import build_method
    from seglet.inference.models import check_classes, choose_device

    place, run = choose_device(device), Path(source) / "experiment.yaml"
    experiment = _experiment(source, keys or {})
    learnt = _learnt_state(Path(source)) if run.is_file() else None
    if learnt is not None:
        own = _classes_of_run(Path(source), experiment)
        if data is not None:
            check_classes(own.classes, data.classes)
        data = own
    elif data is not None and named is not None:
        experiment = replace(experiment, settings=replace(experiment.settings, data=named))
    images = training_data(experiment.settings) if data is None else data
    if on_classes is not None:
        on_classes(images.classes)
    stored = _artefacts_of(experiment.method_class, learnt)
    said: list[str] = []
    if stored is None:
        make_missing_artefacts(experiment, images, place, said.append)
    method = build_method(experiment, images, stored)
    if isinstance(method, TrainingNotes):
        _say(line for line in method.training_notes(experiment.settings.crop, 1) if line not in said)
    if learnt is not None:
        try:
            method.load_state_dict(learnt)
        except RuntimeError as error:
            raise ValueError(f"the weights of run {source!r} do not fit these keys; leave out those that change its "
                             f"networks ({error})") from error  # fmt: skip
    if isinstance(method, DeferredTeacher):
        _say(method.load_teacher(place))
    return TagPredictor(cast(LabelMaps, method.to(place).eval()), images.classes, place)  # its class was checked above


def finds_classes(source: str, keys: Mapping[str, Any]) -> bool:
    """Returns True for a method that also makes masks of images whose tags are not known.

    Raises:
        ValueError: there is no such method or run, or the method makes no masks without training.
    """
    return isinstance(_experiment(source, keys).method_class, UntaggedMaps)


def _experiment(source: str, keys: Mapping[str, Any]) -> "Experiment":
    from seglet.engine.experiment import resolve_experiment
    from seglet.engine.experiment_file import names_experiment_file

    run = Path(source) / "experiment.yaml"
    file = run if run.is_file() else Path(source)
    named_file = names_experiment_file(file)
    experiment = resolve_experiment(file if named_file else None, keys if named_file else {"method": source, **keys})
    method_class: Any = experiment.method_class
    if not isinstance(method_class, LabelMaps):
        raise ValueError(f"method {experiment.method!r} makes no masks from tags alone; train a segmenter with it, or "
                         "choose a method that does, such as diclip")  # fmt: skip
    return experiment


def _learnt_state(run: Path) -> Mapping[str, Tensor]:
    """Returns the state of the method in the newest checkpoint of a run."""
    from seglet.engine.checkpoint import load_newest_checkpoint

    state: Mapping[str, Tensor] = load_newest_checkpoint(run / "checkpoints")[1]["method"]
    return state


def _classes_of_run(run: Path, experiment: "Experiment") -> Dataset:
    """Returns a data set with the classes of a run: those of its last segmenter, so that the run's data may be gone."""
    from seglet.engine.datasets import training_data
    from seglet.models.io.storage import read_segmenter

    last = run / "last"
    return ClassesOnly(read_segmenter(last).classes) if last.is_dir() else training_data(experiment.settings)


def _artefacts_of(method: Any, learnt: Mapping[str, Tensor] | None) -> Mapping[str, Mapping[str, Tensor]] | None:
    """Returns the artefacts in the state of a trained method; None if they have to be read or made."""
    if learnt is None or not isinstance(method, RestoredArtefacts):
        return None
    return method.artefacts_of_state(learnt) or None


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print_message(line)


def make_missing_artefacts(
    experiment: "Experiment", data: Dataset, device: torch.device, note: Callable[[str], None] = print_message
) -> None:
    """Makes the artefacts that a method needs for the classes and that are missing; prints and notes messages."""
    from seglet.engine.artefacts import make_artefact, needed_artefacts

    def both(text: str) -> None:
        print_message(text)
        if note is not print_message:
            note(text)

    for kept in needed_artefacts(experiment, data):
        if not kept.exists:
            make_artefact(kept, data, device, both)


def classes_named(names: Sequence[str]) -> ClassesOnly:
    """Returns the background and these classes, in VOC's colours, as a data set of no images.

    Raises:
        ValueError: a name is there twice, or is the background's.
    """
    table = ("background", *names)
    return ClassesOnly(Classes.named(table))
