"""Loading of the page's predictors: one or two segmenters, or a method that makes masks from tags."""

from collections.abc import Sequence
from pathlib import Path, PurePath

from seglet.inference.depth import find_depth_source
from seglet.inference.from_tags import TagPredictor, classes_named, open_method
from seglet.inference.models import check_classes, load_colour_model
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import check_inference_options
from seglet.webapp.open_vocabulary import OpenVocabulary
from seglet.webapp.predictors import SegmenterPredictor


def load_segmenters(
    sources: Sequence[str], options: InferenceOptions, samples: int, device: str
) -> list[SegmenterPredictor]:
    """Loads segmenters of the same classes, with `samples` Monte-Carlo passes for their uncertainty.

    Raises:
        ValueError: a segmenter cannot be loaded, or two have different classes.
    """
    predictors: list[SegmenterPredictor] = []
    for source, name in zip(sources, distinct_names(sources), strict=True):
        model = load_colour_model(source, device)
        check_inference_options(model, options)
        predictors.append(SegmenterPredictor(name, model, options, samples, find_depth_source(model, options.depth)))
    first, *others = predictors
    for other in others:
        try:
            check_classes(first.model.classes, other.model.classes)
        except ValueError as error:
            raise ValueError(f"{first.name} and {other.name} cannot be compared: {error}") from error
    return predictors


def distinct_names(sources: Sequence[str]) -> list[str]:
    """Returns the last parts of the paths, as many as are needed to tell them apart."""
    parts = [PurePath(source).parts for source in sources]
    names = list(sources)
    for count in range(max(map(len, parts)), 0, -1):
        shorter = ["/".join(part[-count:]) for part in parts]
        if len(set(shorter)) == len(sources):
            names = shorter
    return names


def load_open_vocabulary(
    method: str, names: Sequence[str] | None, options: InferenceOptions, device: str
) -> OpenVocabulary:
    """Loads a method that makes masks from tags.

    Args:
        method: name of a method, an experiment or a run.
        names: classes that can be typed; None for those of the run or experiment, or any for a method's bare name.

    Raises:
        ValueError: the method cannot be loaded, or does not take these options.
    """

    def open_for(classes: Sequence[str]) -> TagPredictor:
        return open_method(method, classes_named(classes), None, device)

    if names is not None:
        known = open_for(names)
    elif Path(method).exists():
        known = open_method(method, None, None, device)
    else:
        return OpenVocabulary(method, None, open_for, options)
    check_inference_options(known, options)
    return OpenVocabulary(Path(method).stem, known, None, options)
