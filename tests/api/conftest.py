"""What the public functions work on: a small network with random weights, and a small data set on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.images import write_mask
from seglet.models.architecture import Architecture
from seglet.models.segmenter import Segmenter, build


@pytest.fixture
def network() -> Segmenter:
    """A segmenter of the world's classes, in training mode as `build` leaves it."""
    return build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of images/{train,val}, masks/{train,val} and classes.txt, with four scenes of 48 pixels each."""
    root = tmp_path_factory.mktemp("data") / "scenes"
    for split in ("train", "val"):
        for index, sample in enumerate(World(split, scenes=4, size=48)):
            image = root / "images" / split / f"{split}{index}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sample.image).save(image)
            write_mask(root / "masks" / split / image.name, np.asarray(sample.labels), WORLD_CLASSES)
    lines = (f"{place} {name}" for place, name in enumerate(WORLD_CLASSES.names))
    (root / "classes.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def method(tmp_path: Path) -> str:
    """The experiment of a method that makes masks from tags: plain CLIP with the embedded tiny weights."""
    file = tmp_path / "plain-clip.yaml"
    file.write_text("{method: diclip, clip_model: tiny-clip, attention: none, cache_from: none, par_steps: 0}")
    return str(file)
