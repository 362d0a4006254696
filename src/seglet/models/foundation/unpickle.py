"""Conversion of models that exist as pickles only to safetensors."""

from pathlib import Path

from seglet.models.foundation.hub import locate_model
from seglet.models.foundation.known_models import ModelKind
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.foundation.pickled_weights import copy_as_safetensors, pickled_layout


def unpickle_model(
    source: str | Path, kind: ModelKind, layout: ModelLayout, destination: Path, revision: str | None = None
) -> Path:
    """Writes a copy of a model to the folder `destination`, its weights as safetensors, and returns the folder.

    Only tensors are read from the pickles, and nothing in them is run. `layout` stands beside the class that loads such
    models, for instance `CLIP_LAYOUT`.

    Raises:
        ValueError: the model is not available, its pickles hold more than tensors, or `destination` is taken.
    """
    if destination.exists():
        raise ValueError(f"{destination} exists; name a new folder to save to")
    folder, _ = locate_model(source, kind, pickled_layout(layout), revision)
    copy_as_safetensors(folder, layout, destination)
    return destination
