"""`seglet.evaluate`: the scores of a model on images with masks."""

from collections.abc import Sequence
from typing import Unpack

from seglet.api.keywords import InferenceKeywords, as_classes, as_model, inference_options
from seglet.data.dark.presets import DarkPreset
from seglet.evaluation.result import Evaluation
from seglet.inference.evaluate import ScoringOptions, score_model
from seglet.inference.sources import DataLike, LogitsFunction, ModelLike
from seglet.types import Classes


def evaluate(
    model: ModelLike | LogitsFunction,
    data: DataLike,
    classes: Classes | Sequence[str] | None = None,
    *,
    split: str = "val",
    known_tags: bool = False,
    darken: DarkPreset | float | None = None,
    batch: int = 1,
    workers: int = 2,
    device: str | None = None,
    progress: bool = True,
    max_pixels: int | None = None,
    **options: Unpack[InferenceKeywords],
) -> Evaluation:
    """Scores a model on images with masks, as `seglet evaluate` does: in evaluation mode, at the size of each mask.

    Args:
        model: a segmenter; the folder of one or of a run; a run; an exported .onnx file; a name on the hub; a method
            that makes masks from tags, by name or experiment file; or a function from images [b, 3, h, w] in [0, 1] to
            logits.
        data: a data set's folder or dataset.json; `world…`; what `open_dataset` returns; or pairs (image, mask) of
            files, arrays or tensors, with label ids in the masks and 255 where a pixel does not count.
        classes: the classes, or their names, where neither the model nor the data know them.
        split: split of the data, if they are named.
        known_tags: rule out the classes that an image's tags, or else its mask, lack.
        darken: score on darkened images: mild, night or extreme, or the stops of light to take away.
        batch: images at once, where their sizes agree.
        workers: threads that read ahead.
        device: auto, cpu, cuda, …; None for where the model is, or for a GPU if it has to be loaded.
        progress: show the progress on stderr.
        max_pixels: pixels that an image of a pair of files may have, 64 million if not given; data sets have their own
            limit.
        **options: how the model predicts; see `InferenceKeywords`.

    Raises:
        ValueError: there is no such model or data, the classes differ, an option does not apply to the model, or an
            image has no mask.
    """
    scoring = ScoringOptions(
        inference_options(options),
        known_tags=known_tags,
        darken=darken,
        batch=batch,
        workers=workers,
        device=device,
        progress=progress,
        max_pixels=max_pixels,
    )
    return score_model(as_model(model), data, split, scoring, as_classes(classes)).evaluation
