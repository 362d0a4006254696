"""Writes scenes of the embedded world as files: training images with tags, validation images with masks.

python examples/write_world.py FOLDER [training scenes] [validation scenes] [side in pixels]
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from seglet.data.world import WORLD_CLASSES, World
from seglet.images import write_mask


def write_world(folder: Path, scenes: int, scored: int, size: int) -> None:
    """Writes images to images/, the tags of training images to tags.csv, and the other masks to masks/."""
    rows = []
    for split, count in (("train", scenes), ("val", scored)):
        world = World(split, scenes=count, size=size)
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
        for number, sample in enumerate(world):
            name = f"{split}/{split}{number:04}.png"
            Image.fromarray(sample.image).save(folder / "images" / name)
            if split == "val":
                write_mask(folder / "masks" / name, np.asarray(sample.labels), WORLD_CLASSES)
            else:
                rows.append([name, ";".join(WORLD_CLASSES.names[label] for label in sample.tags or ())])
    with (folder / "tags.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    lines = [f"{label} {name}\n" for label, name in enumerate(WORLD_CLASSES.names)]
    (folder / "classes.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:]]
    write_world(Path(sys.argv[1]), *(numbers + [600, 100, 64][len(numbers) :]))
