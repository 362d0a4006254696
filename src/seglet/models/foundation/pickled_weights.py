"""Copies of models with pickled weights, as safetensors. Only tensors are read, and nothing is run."""

import shutil
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from seglet import files
from seglet.models.foundation.model_folder import DESCRIPTION_PATTERNS, ModelLayout, weight_files
from seglet.models.io.checkpoints import read_tensors

_SUFFIX = ".bin"


def pickled_layout(layout: ModelLayout) -> ModelLayout:
    """Returns the layout of the same model whose weights are pickles."""
    return replace(layout, weights=tuple(_pickled(stem) for stem in layout.weights), suffix=_SUFFIX)


def copy_as_safetensors(folder: Path, layout: ModelLayout, destination: Path) -> None:
    """Writes the model in `folder` to the folder `destination`, completely or not at all, its weights as safetensors.

    Raises:
        ValueError: the pickles are missing, or hold more than tensors.
    """
    with files.replace_atomically(destination) as temporary:
        temporary.mkdir(parents=True)
        for pattern in DESCRIPTION_PATTERNS:
            for path in folder.rglob(pattern):
                if not path.name.endswith(f"{_SUFFIX}.index.json"):
                    _copy(path, temporary / path.relative_to(folder))
        for stem in layout.weights:
            tensors = _read(folder, _pickled(stem))
            (temporary / stem).parent.mkdir(parents=True, exist_ok=True)
            files.write_tensors(temporary / f"{stem}.safetensors", tensors, {"format": "pt"})


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
