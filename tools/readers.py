"""Readers of files that somebody else may have made: what is fuzzed, and what is done with each file of the corpus."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from seglet.data.class_files import read_class_table
from seglet.data.description import load_description
from seglet.data.prompts.read import read_prompts
from seglet.data.tags.source import read_tags
from seglet.engine.experiment_file import read_yaml
from seglet.files import read_json
from seglet.images import read_image, read_mask
from seglet.inference.import_masks import ImportOptions, import_masks
from seglet.inference.score_maps import read_scores
from seglet.models.io.checkpoints import read_tensors

CORPUS = Path(__file__).parents[1] / "tests/fixtures/corpus"
"""A folder of files for each reader."""
_MOST_PIXELS = 10**6


def _imported(file: Path) -> object:
    with tempfile.TemporaryDirectory() as out:
        return import_masks(file, Path(out) / "out", ImportOptions())


def _decoded(file: Path) -> object:
    return [read_image(file, _MOST_PIXELS), read_mask(file, _MOST_PIXELS)]


def _tagged(file: Path) -> object:
    return read_tags(file, known=())


READERS: Mapping[str, Callable[[Path], object]] = {
    "experiment": read_yaml,
    "class-table": read_class_table,
    "description": load_description,
    "cvat": _imported,
    "coco": _imported,
    "labelme": _imported,
    "image": _decoded,
    "tensors": read_tensors,
    "scores": lambda file: read_scores(file, 2),
    "tags": _tagged,
    "prompts": read_prompts,
    "json": read_json,
}
"""Readers by the folder of their corpus."""


def answer_of(kind: str, file: Path) -> str:
    """Returns how a reader answers a file: `read`, or its error for users; any other error is raised."""
    try:
        with np.errstate(all="ignore"):
            READERS[kind](file)
    except (ValueError, OSError) as error:
        return str(error)
    return "read"
