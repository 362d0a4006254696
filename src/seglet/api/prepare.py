"""`seglet.prepare`: the offline columns that a method reads."""

from inspect import getattr_static
from pathlib import Path
from typing import Any

from seglet.api.experiment import MethodLike, resolve
from seglet.engine.console import print_message
from seglet.engine.experiment import Experiment
from seglet.methods.base import Method
from seglet.methods.protocols import Artefacts


def prepare(method: MethodLike, *, device: str = "auto", batch: int = 8, **keys: Any) -> dict[str, Path]:
    """Computes what a method reads beside images and annotation, as `seglet prepare` does: depth, captions, attention.

    What is there already is not computed again. `seglet.train` calls it unless told otherwise.

    Args:
        method: a method's name, an experiment file, or the class of a method.
        device: auto, cpu, cuda, …
        batch: images at once.
        **keys: those of the experiment, as `seglet.train` takes them.

    Returns:
        The folder of each column by its name; empty for a method that reads none.

    Raises:
        ValueError: the experiment is wrong, or a value cannot be computed; names the images.
    """
    return prepare_offline(resolve(method, keys), device, batch)


def prepare_offline(experiment: Experiment, device: str, batch: int = 8) -> dict[str, Path]:
    """Computes the artefacts and columns that an experiment needs and does not find; see `prepare`."""
    if not _reads_any(experiment):
        return {}
    from seglet.engine.columns import datasets_with_columns
    from seglet.engine.preconditions import check_preparable
    from seglet.engine.prepare import PrepareOptions, prepare_columns
    from seglet.inference.from_tags import make_missing_artefacts
    from seglet.inference.models import choose_device

    chosen = choose_device(device)
    parts = datasets_with_columns(experiment, fetch=True)
    method: Any = experiment.method_class
    if isinstance(method, Artefacts):
        check_preparable(experiment, parts[0][0])
    make_missing_artefacts(experiment, parts[0][0], chosen)
    options = PrepareOptions(chosen, batch)
    outcomes = [one for data, columns in parts for one in prepare_columns(data, columns, options, print_message)]
    failed = [f"{one.name} of {image}: {reason}" for one in outcomes for image, reason in one.failed.items()]
    if failed:
        raise ValueError("\n  ".join([f"{len(failed)} values cannot be computed:", *failed[:5]]))
    return {column.name: column.store.folder for _, columns in parts for column in columns}


def _reads_any(experiment: Experiment) -> bool:
    """Returns False for a method that has no offline columns whatever its config, so that no data are opened."""
    kind = experiment.method_class
    own = getattr_static(kind, "producers") is not getattr_static(Method, "producers")
    return own or isinstance(kind, Artefacts)
