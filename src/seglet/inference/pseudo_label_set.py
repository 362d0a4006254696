"""`seglet predict --pseudo-labels`: what is prepared before the first image, and done with each."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from seglet.evaluation.pseudo_labels import PseudoLabelQuality
from seglet.images import resize_by_factor
from seglet.inference.depth import find_depth_source
from seglet.inference.from_tags import TagPredictor
from seglet.inference.inputs import ImageFile, result_path
from seglet.inference.known_tags import KnownTags
from seglet.inference.options import PseudoLabelOptions
from seglet.inference.predict import Predictor, check_inference_options
from seglet.inference.pseudo_labels import predict_pseudo_labels
from seglet.inference.score_maps import write_scores
from seglet.inference.training_set import clear_earlier_results, copy_scored_split, link_image, write_tags
from seglet.inference.write import PredictedMaps, write_maps

UNNAMED_BY_TAGS = "the tags do not name it; add it to them, with no tag if no class is in it"


class PseudoLabelJob:
    """`seglet predict --pseudo-labels`: `images` have the names of their results.

    Those that the tags, if there are any, do not name are `passed_over`, with the reason.

    Raises:
        ValueError: an option does not fit the network, or the data to score on cannot be used.
    """

    def __init__(
        self,
        model: Predictor,
        images: Sequence[ImageFile],
        tags: KnownTags | None,
        arguments: argparse.Namespace,
        settings: PseudoLabelOptions,
        truth: Callable[[ImageFile], UInt8[np.ndarray, "h w"] | None] | None = None,
    ) -> None:
        check_inference_options(model, settings.inference)
        self.model, self.settings, self.out, self.keep_scores = model, settings, arguments.out, bool(arguments.scores)
        self.tags, self.truth, self.quality = tags, truth, PseudoLabelQuality(model.classes)
        known = {image.path for image in images} if self.tags is None else self.tags.by_path.keys()
        self.passed_over = [(image, UNNAMED_BY_TAGS) for image in images if image.path not in known]
        prefix = "" if arguments.score_on is None else "train/"
        self.images = [replace(image, name=prefix + image.name) for image in images if image.path in known]
        self.depths = None if isinstance(model, TagPredictor) else find_depth_source(model, settings.inference.depth)
        clear_earlier_results(self.out)
        self.scored_on = 0
        if arguments.score_on is not None:
            self.scored_on = copy_scored_split(
                arguments.score_on, arguments.score_split or "val", model.classes, self.out
            )

    @property
    def about(self) -> dict[str, Any]:
        """How the labels come about, for JSON."""
        tags = None if self.tags is None else {"file": str(self.tags.source), "hash": self.tags.hash}
        return {"pseudo_labels": True, **self.settings.as_dict(), "tags": tags, "scored_on": self.scored_on}

    @property
    def summary(self) -> dict[str, Any]:
        """How good the labels are, where the truth is known; for JSON."""
        return {"quality": self.quality.as_dict()} if self.quality.sums.any() else {}

    def make(self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
        """Labels one image and writes the results; says where they are, and which tags got no pixel."""
        classes = self.model.classes
        tags = None if self.tags is None else self.tags.by_path[source.path]
        seen = resize_by_factor(image, self.settings.inference.resize)
        depth = None if self.depths is None else self.depths(seen, source.name)
        made = predict_pseudo_labels(self.model, image, tags, self.settings, depth)
        written = write_maps(PredictedMaps(made.labels, made.confidence), image, source.name, self.out, classes)
        if self.keep_scores:
            path = result_path(self.out / "scores", source.name, ".npz")
            write_scores(path, made.scores)
            written["scores"] = path.relative_to(self.out).as_posix()
        truth = None if self.truth is None else self.truth(source)
        if truth is not None:
            self.quality.add(torch.from_numpy(made.labels), torch.from_numpy(truth.copy()))
        written["image"] = link_image(source, self.out).relative_to(self.out).as_posix()
        if tags is not None:
            written["tags"] = [classes.names[label] for label in tags]
            written["missing"] = [classes.names[label] for label in tags if not (made.labels == label).any()]
        return written

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """Writes the tags; what to do with the results."""
        lines = []
        if self.tags is not None:
            write_tags(self.out, {made["image"]: made["tags"] for made in done})
            lost = sum(bool(made["missing"]) for made in done)
            lines.append(f"images where a tag got no pixel: {lost}; predictions.json says which")
        if done:
            void = sum(made.get("void", 0.0) for made in done) / len(done)
            lines.append(
                f"void, as no class reaches {self.settings.threshold:g}: {100 * void:.0f} % of an image on average"
            )
        if self.quality.sums.any():
            found = {name: f"{100 * getattr(self.quality, name):.1f} %" for name in ("coverage", "precision")}
            share = f"{found['precision']} of the labels are right; mIoU {100 * self.quality.miou():.1f} %"
            lines.append(f"beside the true masks: {share}, where {found['coverage']} of the pixels have one")
        return [
            *lines,
            f"images, masks and confidences are in {self.out}, and predictions.json says how they came about",
            f"next: look at {self.out / 'overlays'}; where the masks are right, train on them:",
            f"      seglet data check {self.out}",
        ]
