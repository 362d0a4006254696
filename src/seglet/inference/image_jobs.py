"""The work on each image of a folder: masks by a network, masks by a method from tags, or pseudo labels.

Axes: h rows, w columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Shaped, UInt8

from seglet.evaluation.pseudo_labels import PseudoLabelQuality
from seglet.files import path_below, replace_atomically
from seglet.images import resize_by_factor
from seglet.images.channels import drawn_channels
from seglet.inference.depth import DepthSource, find_depth_source
from seglet.inference.explain import explanation_sheet
from seglet.inference.from_tags import TagPredictor
from seglet.inference.inputs import ImageFile
from seglet.inference.known_tags import KnownTags
from seglet.inference.options import InferenceOptions, PseudoLabelOptions, SegmentOptions
from seglet.inference.predict import DepthMap, Predictor, brightened, predict_probabilities
from seglet.inference.pseudo_labels import predict_pseudo_labels
from seglet.inference.score_maps import write_scores
from seglet.inference.segment import PredictedMaps, decided_maps, segment_image, write_maps
from seglet.inference.training_set import clear_earlier_results, copy_scored_split, link_image, write_tags
from seglet.models.segmenter import Segmenter
from seglet.types import Classes

_LISTED = 10
"""Images that a summary names."""

_COUNTS = "counts"
"""Entry of an outcome that is not for the record: pixels by true class and pseudo label."""

UNNAMED_BY_TAGS = "the tags do not name it; add it to them, with no tag if no class is in it"

Truth = Callable[[ImageFile], UInt8[np.ndarray, "h w"] | None]
"""A function from an image to its true labels, or None where there are none."""


@runtime_checkable
class ImageJob(Protocol):
    """Work on the images of a folder, one after the other."""

    @property
    def images(self) -> Sequence[ImageFile]: ...

    @property
    def skipped(self) -> Sequence[tuple[ImageFile, str]]: ...

    @property
    def settings(self) -> dict[str, Any]: ...

    @property
    def summary(self) -> dict[str, Any]: ...

    @property
    def known_tags(self) -> Mapping[Path, Sequence[int]] | None: ...

    def begin(self, go_on: bool) -> None:
        """Prepares the folder of results, whose earlier ones are kept to go on."""

    def make(self, source: ImageFile, image: Shaped[np.ndarray, "h w c"]) -> dict[str, Any]:
        """Writes the results of one image and returns where they are; it may run in another process."""

    def enter(self, made: dict[str, Any]) -> dict[str, Any]:
        """Counts what was made of an image towards the summary and returns its entry of the record."""

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """Writes what belongs to all images and returns lines that say what comes next."""


class _JobBase:
    """The usual beginning and accounting of a job."""

    def begin(self, go_on: bool) -> None:
        """Does nothing: results are replaced one by one."""

    def enter(self, made: dict[str, Any]) -> dict[str, Any]:
        """Returns what was made, as all of it is for the record."""
        return made


class SegmentationJob(_JobBase):
    """Masks by a network, with confidence and, with Monte-Carlo samples, uncertainty."""

    def __init__(self, model: Segmenter, images: Sequence[ImageFile], out: Path, options: SegmentOptions) -> None:
        self.model, self.images, self.out, self.options = model, images, out, options
        self.skipped: list[tuple[ImageFile, str]] = []
        self.known_tags: Mapping[Path, Sequence[int]] | None = None
        self.settings, self.summary = options.as_dict(), dict[str, Any]()
        self.depths = find_depth_source(model, options.inference.depth)

    def make(self, source: ImageFile, image: Shaped[np.ndarray, "h w c"]) -> dict[str, Any]:
        """Segments one image and writes the results; returns where they are, and facts for the record."""
        depth = _depth(self.depths, source, image, self.options.inference)
        found = segment_image(self.model, image, self.options, depth)
        shown = image if source.channels is None else drawn_channels(image, source.channels)
        return write_maps(found, shown, source.name, self.out, self.model.classes)

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """Returns lines that say where the results are and what comes next."""
        masks, classes = self.out / "masks", self.out / "classes.txt"
        return [
            f"masks, overlays and confidences are in {self.out}, and predictions.json says what became of each",
            f"next: look at {self.out / 'overlays'}; where the masks are right, they can be trained on:",
            f"      seglet data check IMAGES --masks {masks} --classes {classes}",
        ]


class TagMaskJob(_JobBase):
    """Masks by a method from the tags of each image; images that the tags do not name are skipped.

    Without tags (None) the method finds out by itself which classes are in an image. With `explain`, a sheet shows how
    each mask comes about.
    """

    def __init__(
        self,
        model: TagPredictor,
        images: Sequence[ImageFile],
        tags: KnownTags | None,
        out: Path,
        options: InferenceOptions,
        explain: bool = False,
    ) -> None:
        self.model, self.tags, self.out, self.options, self.explain = model, tags, out, options, explain
        self.images, self.skipped = (list(images), []) if tags is None else _named_by(tags, images)
        self.known_tags: Mapping[Path, Sequence[int]] | None = None if tags is None else tags.by_path
        self.settings = {"tags": None if tags is None else _origin(tags), **options.as_dict()}
        self.summary = dict[str, Any]()

    def make(self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
        """Segments one image and writes the results; returns where they are, and facts for the record."""
        tags = None if self.tags is None else self.tags.by_path[source.path]
        scores = predict_probabilities(self.model, image, tags, self.options)
        found = decided_maps(scores, self.options, self.model.classes)
        written = write_maps(found, image, source.name, self.out, self.model.classes)
        if tags is None:
            return written
        named = tag_facts(tags, found.labels, self.model.classes)
        return {**written, **self._explanation(source, image, found, tags), **named}

    def _explanation(
        self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"], found: PredictedMaps, tags: Sequence[int]
    ) -> dict[str, str]:
        if not self.explain:
            return {}
        stages = self.model.explain(brightened(image, self.options), tags, self.options.resize)
        file = path_below(self.out / "explained", source.name, ".png")
        with replace_atomically(file) as temporary:
            explanation_sheet(image, found.labels, tags, stages, self.model.classes).save(temporary, "PNG")
        return {"explained": file.relative_to(self.out).as_posix()}

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """Returns lines that say where the results are and what comes next."""
        return [
            *([] if self.tags is None else missing_lines(done)),
            f"masks, overlays and confidences are in {self.out}, and predictions.json says what became of each",
            f"next: look at {self.out / 'overlays'}; --refiner par or crf moves masks to edges, --pseudo-labels makes",
            "      them a data set to train on",
            *([f"how they came about is in {self.out / 'explained'}"] if self.explain else []),
        ]


class PseudoLabelJob(_JobBase):
    """Pseudo labels as a data set to train on; images that the tags, if there are any, do not name are skipped.

    With data to score on, results go to train/ and those data to val/.

    Raises:
        ValueError: the data to score on cannot be used.
    """

    def __init__(
        self,
        model: Predictor,
        images: Sequence[ImageFile],
        tags: KnownTags | None,
        out: Path,
        options: PseudoLabelOptions,
        truth: Truth | None = None,
    ) -> None:
        self.model, self.tags, self.out, self.options = model, tags, out, options
        self._truth, self._quality = truth, PseudoLabelQuality(model.classes)
        self.known_tags: Mapping[Path, Sequence[int]] | None = None if tags is None else tags.by_path
        if isinstance(model, Segmenter) and model.architecture.channels is not None:
            raise ValueError("pseudo labels are made of colour images; a model of measured channels makes masks alone")
        named, self.skipped = (list(images), []) if tags is None else _named_by(tags, images)
        prefix = "" if options.score_on is None else "train/"
        self.images = [replace(image, name=prefix + image.name) for image in named]
        self.depths = None if isinstance(model, TagPredictor) else find_depth_source(model, options.inference.depth)
        self._scored = 0

    def begin(self, go_on: bool) -> None:
        """Deletes earlier results, unless they are kept to go on, and copies the split to score on."""
        if not go_on:
            clear_earlier_results(self.out)
        if self.options.score_on is not None:
            split = self.options.score_split
            self._scored = copy_scored_split(self.options.score_on, split, self.model.classes, self.out)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that decide the labels, for JSON."""
        tags = None if self.tags is None else _origin(self.tags)
        return {"pseudo_labels": True, **self.options.as_dict(), "tags": tags, "scored_on": self._scored}

    @property
    def summary(self) -> dict[str, Any]:
        """Quality of the labels where the truth is known, for JSON."""
        return {"quality": self._quality.as_dict()} if self._quality.sums.any() else {}

    def make(self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
        """Labels one image and writes the results; returns where they are, and which tags got no pixel."""
        classes = self.model.classes
        tags = None if self.tags is None else self.tags.by_path[source.path]
        depth = _depth(self.depths, source, image, self.options.inference)
        made = predict_pseudo_labels(self.model, image, tags, self.options, depth)
        written = write_maps(PredictedMaps(made.labels, made.confidence), image, source.name, self.out, classes)
        if self.options.keep_scores:
            path = path_below(self.out / "scores", source.name, ".npz")
            write_scores(path, made.scores)
            written["scores"] = path.relative_to(self.out).as_posix()
        truth = None if self._truth is None else self._truth(source)
        if truth is not None:
            counted = PseudoLabelQuality(classes)
            counted.add(torch.from_numpy(made.labels), torch.from_numpy(truth.copy()))
            written[_COUNTS] = counted.counts()
        written["image"] = link_image(source, self.out).relative_to(self.out).as_posix()
        if tags is not None:
            written |= tag_facts(tags, made.labels, classes)
        return written

    def enter(self, made: dict[str, Any]) -> dict[str, Any]:
        """Counts right and trusted pixels and returns the entry of the record."""
        self._quality.add_counts(made.get(_COUNTS, ()))
        return {name: value for name, value in made.items() if name != _COUNTS}

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """Writes the tags; returns lines that say how good the labels are, and what comes next."""
        lines = []
        if self.tags is not None:
            write_tags(self.out, {made["image"]: made["tags"] for made in done})
            lines += missing_lines(done)
        if done:
            void = sum(made.get("void", 0.0) for made in done) / len(done)
            lines.append(
                f"void, as no class reaches {self.options.threshold:g}: {100 * void:.0f} % of an image on average"
            )
        if self._quality.sums.any():
            found = {name: f"{100 * getattr(self._quality, name):.1f} %" for name in ("coverage", "precision")}
            share = f"{found['precision']} of the labels are right; mIoU {100 * self._quality.miou():.1f} %"
            lines.append(f"beside the true masks: {share}, where {found['coverage']} of the pixels have one")
        return [
            *lines,
            f"images, masks and confidences are in {self.out}, and predictions.json says how they came about",
            f"next: look at {self.out / 'overlays'}; where the masks are right, train on them:",
            f"      seglet data check {self.out}",
        ]


def tag_facts(tags: Sequence[int], labels: UInt8[np.ndarray, "h w"], classes: Classes) -> dict[str, list[str]]:
    """Returns the names of an image's tags, and of those that got no pixel, for the record."""
    lost = [label for label in tags if not (labels == label).any()]
    return {"tags": [classes.names[label] for label in tags], "missing": [classes.names[label] for label in lost]}


def missing_lines(done: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns how many images have a tag without a pixel, and which: the first of them."""
    lost = [made for made in done if made["missing"]]
    lines = [f"images where a tag got no pixel: {len(lost)}; predictions.json says which"]
    lines += [f"  {made['source']}: {', '.join(made['missing'])}" for made in lost[:_LISTED]]
    return [*lines, f"  and {len(lost) - _LISTED} more"] if len(lost) > _LISTED else lines


def _named_by(tags: KnownTags, images: Sequence[ImageFile]) -> tuple[list[ImageFile], list[tuple[ImageFile, str]]]:
    named = [image for image in images if image.path in tags.by_path]
    return named, [(image, UNNAMED_BY_TAGS) for image in images if image.path not in tags.by_path]


def _origin(tags: KnownTags) -> dict[str, str]:
    return {"file": str(tags.source), "hash": tags.hash}


def _depth(
    depths: DepthSource | None, source: ImageFile, image: UInt8[np.ndarray, "h w 3"], options: InferenceOptions
) -> DepthMap | None:
    return None if depths is None else depths(resize_by_factor(image, options.resize), source.name)
