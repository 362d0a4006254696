"""Keywords that several public functions share, and the forms in which they take models and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

from seglet import methods
from seglet.engine.experiment_file import split_row
from seglet.inference.options import REFINER_STEPS, InferenceOptions, Refiner
from seglet.inference.sources import LabelMethod
from seglet.types import Classes
from seglet.values import convert_value, did_you_mean


class InferenceKeywords(TypedDict, total=False):
    """Options of prediction. None, or a keyword that is not given, leaves the choice to the kind of network.

    scales: sizes to predict at, as factors; the results are averaged.
    flip: also predict the mirrored image, and average.
    size: height and width that images are squeezed to, in pixels.
    window: height and width of sliding windows, in pixels.
    stride: pixels between windows; two thirds of a window if not given.
    resize: factor by which images are shrunk before.
    background_power: for ssss networks; above 1 the background yields to other classes.
    background: for cam networks; share of its maximum that an object exceeds.
    least_score: for ssss and cam networks; probability of presence that keeps a class.
    depth: for networks that take depth; a folder of depth maps or a depth network.
    brighten: brighten images before: a method of `seglet enhance`, or the folder of its network.
    thresholds: least probability by the name of a class, for predictions alone; `seglet predict --thresholds`.
    refiner: pamr, par or crf, which moves class borders to image edges, or sam, which votes within segments.
    steps: steps of the refiner.
    crf_settings: strengths of the refiner crf, by name.
    sam_model: SAM or SAM 2 of the refiner sam: a name, hub id or folder.
    """

    scales: Sequence[float] | None
    flip: bool | None
    size: tuple[int, int] | int | None
    window: tuple[int, int] | int | None
    stride: tuple[int, int] | int | None
    resize: float
    background_power: float | None
    background: float | None
    least_score: float | None
    depth: str | None
    brighten: str | None
    thresholds: Mapping[str, float] | None
    refiner: str | Refiner | None
    steps: int | None
    crf_settings: str | None
    sam_model: str | None


def inference_options(keywords: Mapping[str, Any]) -> InferenceOptions:
    """Returns the options that these keywords name.

    Raises:
        TypeError: there is no such keyword; the message names the nearest.
        ValueError: a value has another type, or keywords contradict each other.
    """
    known = list(InferenceKeywords.__annotations__)
    for name in keywords:
        if name not in known:
            raise TypeError(f"there is no option {name!r}{did_you_mean(name, known)}; options: {', '.join(known)}")
    hints, own = get_type_hints(InferenceOptions), {field.name for field in fields(InferenceOptions)} - {"refiner"}
    given = {name: value for name, value in keywords.items() if name in own and value is not None}
    values = {name: convert_value(name, _plain(value), hints[name]) for name, value in given.items()}
    return InferenceOptions(
        **values,
        refiner=_chosen_refiner(keywords),
    )


def _chosen_refiner(keywords: Mapping[str, Any]) -> Refiner | None:
    model = keywords.get("sam_model")
    chosen = as_refiner(keywords.get("refiner"), keywords.get("steps"), keywords.get("crf_settings"), "ssss")
    if model is None:
        return chosen
    if chosen is None:
        raise ValueError("sam_model is that of the refiner sam; take refiner='sam', or leave it out")
    return replace(chosen, model=str(model))


def as_refiner(
    refiner: str | Refiner | None, steps: int | None, crf_settings: str | None, usual_settings: str
) -> Refiner | None:
    """Returns the refiner of this name; None if none is asked for.

    Raises:
        ValueError: there is none of this name, or steps and settings do not go with it.
    """
    if isinstance(refiner, Refiner):
        return refiner
    if refiner is None:
        if steps is not None or crf_settings is not None:
            raise ValueError("steps and crf_settings are those of a refiner; give one, or leave them out")
        return None
    if crf_settings is not None and refiner != "crf":
        raise ValueError("crf_settings are those of the refiner crf; take it, or leave them out")
    settings = (crf_settings or usual_settings) if refiner == "crf" else ""
    return Refiner(refiner, REFINER_STEPS if steps is None else steps, settings)


def as_model(model: Any) -> Any:
    """Returns a `LabelMethod` for the name of a method or its experiment, and anything else as it is."""
    if isinstance(model, str | PathLike):
        name = fspath(model)
        file, _ = split_row(name)
        if file.suffix in (".yaml", ".yml") or (methods.is_method_name(name) and not Path(name).exists()):
            return LabelMethod(name)
    return model


def as_classes(classes: Classes | Sequence[str] | None) -> Classes | None:
    """Returns classes for a list of their names."""
    return classes if classes is None or isinstance(classes, Classes) else Classes.named(classes)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [f"{name}={number}" for name, number in value.items()]
    return str(value) if isinstance(value, PathLike) else value
