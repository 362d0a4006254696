"""Conversion of models that exist as pickles only to safetensors."""

import shutil
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from seglet import files
from seglet.models.foundation.hub import locate_model
from seglet.models.foundation.known_models import ModelKind
from seglet.models.foundation.model_folder import DESCRIPTION_PATTERNS, ModelLayout, weight_files
from seglet.models.io.checkpoints import read_tensors

_SUFFIX = ".bin"


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
    pickled = replace(layout, weights=tuple(_pickled(stem) for stem in layout.weights), suffix=_SUFFIX)
    folder, _ = locate_model(source, kind, pickled, revision)
    with files.replace_atomically(destination) as temporary:
        for pattern in DESCRIPTION_PATTERNS:
            for path in folder.rglob(pattern):
                if not path.name.endswith(f"{_SUFFIX}.index.json"):
                    _copy(path, temporary / path.relative_to(folder))
        for stem in layout.weights:
            tensors = _read(folder, _pickled(stem))
            (temporary / stem).parent.mkdir(parents=True, exist_ok=True)
            files.write_tensors(temporary / f"{stem}.safetensors", tensors, {"format": "pt"})
    return destination


def _pickled(stem: str) -> str:
    """Returns the older name of a weight file: transformers changed it with the format, diffusers did not."""
    folder, slash, name = stem.rpartition("/")
    return f"{folder}{slash}{'pytorch_model' if name == 'model' else name}"


def _read(folder: Path, stem: str) -> dict[str, Tensor]:
    shards = [read_tensors(path) for path in weight_files(folder, stem, _SUFFIX)]
    # Tensors that share memory cannot be written: each gets its own.
    return {name: tensor.clone().contiguous() for shard in shards for name, tensor in shard.items()}


def _copy(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)
