"""All that is wrong with a run before it begins, and not only the first thing, as `--dry-run` lists it."""

from collections.abc import Callable
from typing import Any, TypeVar

from seglet.data.dataset import Dataset
from seglet.engine.columns import with_columns
from seglet.engine.datasets import data_config, open_datasets, split_source
from seglet.engine.experiment import Experiment
from seglet.engine.method_setup import build_method
from seglet.engine.preconditions import check_annotation, check_hardware
from seglet.models.backbones.variants import VISION_TRANSFORMERS
from seglet.models.segmenter import load

_Found = TypeVar("_Found")
_MODELS = ("teacher", "student_weights")
"""Keys of saved segmenters."""


def run_problems(experiment: Experiment) -> list[str]:
    """Returns what would stop a run, one text for each problem; empty if nothing would.

    What depends on something else that is missing is not looked at: without images nothing is known of their columns.
    """
    problems: dict[str, None] = {}

    def attempt(step: Callable[[], _Found]) -> _Found | None:
        try:
            return step()
        except (ValueError, OSError) as error:
            problems.setdefault(str(error))
            return None

    config, source = data_config(experiment.config), split_source(experiment.settings)
    attempt(lambda: check_hardware(experiment.settings))
    learnt = attempt(lambda: config.training_images(source))
    scored = attempt(lambda: config.validation_images(source))
    for key in _MODELS:
        if (value := _segmenter_of(experiment.config, key)) is not None:
            attempt(lambda value=value: load(value))  # type: ignore[misc]
    if learnt is None or scored is None:
        return list(problems)
    sets = attempt(lambda: open_datasets(experiment.settings, experiment.config))
    _attempt_method(experiment, learnt, sets, attempt)
    return list(problems)


def _attempt_method(
    experiment: Experiment,
    learnt: Dataset,
    sets: dict[str, Dataset] | None,
    attempt: Callable[[Callable[[], Any]], Any],
) -> None:
    method = attempt(lambda: build_method(experiment, learnt))
    attempt(lambda: with_columns(experiment, learnt))
    if method is not None and sets is not None:
        attempt(lambda: check_annotation(method, sets, experiment))


def _segmenter_of(config: Any, key: str) -> str | None:
    """Returns the saved segmenter that a key names; None for other weights, such as CLIP's of a transformer."""
    value = getattr(config, key, None)
    backbone = str(getattr(config, "student", "")).partition("-")[2]
    if not value or (key == "student_weights" and backbone in VISION_TRANSFORMERS):
        return None
    return str(value)
