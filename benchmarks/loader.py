"""Views for training from JPEG and PNG files, one process: ours beside Pillow's functions on whole images."""

import argparse
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from benchmarks._harness import Result, in_turn
from seglet.data.augment.geometry import Augmentation, augmented_view, draw_window
from seglet.data.checking.check import check_dataset
from seglet.data.dataset import Sample
from seglet.data.folder_dataset import FolderDataset, describe_data
from seglet.images import jpeg

HEIGHT, WIDTH, IMAGES = 375, 500, 24
ALIKE = 2 / 255
"""Largest difference of the means of a channel; at the edge of a view whole images are resized from more neighbours."""


@dataclass(frozen=True)
class LoaderResult(Result):
    """`ours` and `rival` are milliseconds a sample; `parts`: of reading, of reading with Pillow's JPEG, of viewing."""

    parts: tuple[float, float, float]

    def details(self) -> str:
        """Returns a line about the parts."""
        read, slow, view = self.parts
        return f"reading {read:.3g} ms ({slow:.3g} ms with Pillow's JPEG), view {view:.3g} ms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the measurement."""
    parser.add_argument("--data", help="data set of JPEG images with masks; without it some are made up")
    parser.add_argument("--split", default="train", help="its split (train)")
    parser.add_argument("--crop", type=int, default=321, help="side of a view in pixels (321)")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"images ({IMAGES})")
    parser.add_argument("--repeats", type=int, default=7, help="measured rounds of all images (7)")


def run(options: argparse.Namespace) -> LoaderResult:
    with tempfile.TemporaryDirectory() as folder:
        data = open_data(options, Path(folder))
        count = min(options.images, len(data))
        augment = Augmentation(crop=(options.crop, options.crop))
        samples = [data.read(index) for index in range(count)]

        def views() -> list[Float32[np.ndarray, "3 h w"]]:
            return [view(data.read(index), augment, index) for index in range(count)]

        def plain_views() -> list[Float32[np.ndarray, "3 h w"]]:
            return [plain_view(data, augment, index) for index in range(count)]

        def read() -> None:
            for index in range(count):
                data.read(index)

        def read_by_pillow() -> None:
            with mock.patch.object(jpeg, "_decoder", return_value=None):
                read()

        equal = all(
            np.abs(ours.mean(axis=(1, 2)) - plain.mean(axis=(1, 2))).max() < ALIKE
            for ours, plain in zip(views(), plain_views(), strict=True)
        )
        calls = (views, plain_views, read, read_by_pillow)
        ours, rival, reading, slow = (1000 * seconds / count for seconds in in_turn(calls, options.repeats))
        (viewing,) = in_turn((lambda: [view(sample, augment, 0) for sample in samples],), options.repeats)
        shapes = (
            f"{count} images, the first {samples[0].image.shape[1]}x{samples[0].image.shape[0]}, views {augment.crop}"
        )
        parts = (reading, slow, 1000 * viewing / count)
        return LoaderResult("loader", ours, rival, rival / ours, "ms", equal, shapes, 1, parts)


def open_data(options: argparse.Namespace, folder: Path) -> FolderDataset:
    """The data set that is asked for, or one of made-up images of VOC's size."""
    if options.data:
        description = describe_data(Path(options.data))
        return FolderDataset(description, description.items(options.split))
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name / "train").mkdir(parents=True)
    for number in range(options.images):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        colours = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(colours + rng.integers(-12, 13, colours.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"images/train/{number}.jpg", quality=90)
        labels = Image.fromarray(rng.integers(0, 5, (6, 8), dtype=np.uint8))
        labels.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST).save(folder / f"masks/train/{number}.png")
    (folder / "classes.txt").write_text("\n".join(f"{number} class{number}" for number in range(5)))
    description = check_dataset(folder).require_ok()
    return FolderDataset(description, description.items("train"))


def view(sample: Sample, augment: Augmentation, seed: int) -> Float32[np.ndarray, "3 h w"]:
    return np.asarray(augmented_view(sample, augment, np.random.default_rng(seed)).image.numpy())


def plain_view(data: FolderDataset, augment: Augmentation, index: int) -> Float32[np.ndarray, "3 h w"]:
    """The same draws by the functions of Pillow and numpy that come to mind: resize, pad, crop, mirror, divide."""
    item = data.items[index]
    image = Image.open(io.BytesIO(item.image.read_bytes())).convert("RGB")
    assert item.mask is not None
    labels = Image.open(io.BytesIO(item.mask.read_bytes()))
    rng = np.random.default_rng(index)
    window = draw_window((image.height, image.width), augment, rng)
    flipped = rng.random() < augment.flip
    (height, width), (rows, columns) = window.size, augment.crop
    whole: UInt8[np.ndarray, "h w 3"] = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    ids = np.asarray(labels.resize((width, height), Image.Resampling.NEAREST))
    pad = ((0, max(0, rows - height)), (0, max(0, columns - width)))
    mean = np.asarray(image, np.float64).mean(axis=(0, 1)) / 255
    values = np.stack(
        [np.pad(whole[..., c].astype(np.float32) / 255, pad, constant_values=mean[c]) for c in range(3)], axis=2
    )
    ids = np.pad(ids, pad, constant_values=255)
    place = (slice(window.top, window.top + rows), slice(window.left, window.left + columns))
    crop, annotated = values[place], ids[place]
    if flipped:
        crop, annotated = crop[:, ::-1], annotated[:, ::-1]
    np.ascontiguousarray(annotated)
    return np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32)
