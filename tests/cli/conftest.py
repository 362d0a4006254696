"""What commands work on: a small model with random weights, and a small data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglet.cli.main import main
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.images import write_mask
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter of the world's classes."""
    folder = tmp_path_factory.mktemp("models") / "model"
    build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES).save(folder)
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """images/{train,val} and masks/{train,val} with two scenes each, and their classes."""
    root = tmp_path / "images"
    for split in ("train", "val"):
        scenes = World(split, scenes=2, size=32)
        for index in range(2):
            sample = scenes.read(index)
            image = root / "images" / split / f"{split}{index}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sample.image).save(image)
            write_mask(root / "masks" / split / image.name, np.asarray(sample.labels), WORLD_CLASSES)
    lines = (f"{place} {name}" for place, name in enumerate(WORLD_CLASSES.names))
    (root / "classes.txt").write_text("\n".join(lines))
    return root


class Outcome:
    """Exit code and what was printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Call:
    """`seglet …` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object) -> Outcome:
        code = main([str(word) for word in words])
        return Outcome(code, *self.capsys.readouterr())


@pytest.fixture
def seglet(capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(capsys)
