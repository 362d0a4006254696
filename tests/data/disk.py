"""Small images and masks written to disk."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (6, 8)


def write_image(path: Path, shade: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """A noisy RGB image; another shade is another image."""
    noise = np.random.default_rng(shade).integers(0, 256, (*size, 3), dtype=np.uint8)
    return save(path, noise)


def mask(path: Path, *ids: int, size: tuple[int, int] = SIZE) -> Path:
    """A grey mask that holds the ids in equal shares, left to right."""
    return save(path, np.resize(np.repeat(np.array(ids, np.uint8), size[1] // len(ids)), size))


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def pairs(root: Path, split: str = "", count: int = 2, first: int = 0) -> Path:
    """images/ and masks/ with ids 0 and 1, below a folder for the split if it is named."""
    for number in range(first, first + count):
        write_image(root / "images" / split / f"{number}.png", shade=number)
        mask(root / "masks" / split / f"{number}.png", 0, 1)
    return root
