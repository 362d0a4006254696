"""Commands that faults are injected into, each small enough to run in about a second."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from seglet.cli.main import main
from seglet.data.class_table import CLASS_FILE, class_table_text
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.files import write_text
from seglet.images import write_mask
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from tools.reliability.forked import Program

_CONFIGS = Path(__file__).parents[2] / "configs"
_SHARED = {"crop": "32", "world_size": "32", "batch": "4", "steps": "3", "validate_every": "2", "checkpoint_every": "1",
           "workers": "0"}  # fmt: skip
_NARROW = {**_SHARED, "world_scenes": "60", "width": "0.0625"}
TINY = [word for key, value in _NARROW.items() for word in (f"--{key}", value)]
"""Keys of a training that takes about a second."""
_DICLIP = ("--attention_grid", "4", "4", "--attention_rank", "8", "--cache_images", "1", "--cache_size", "32",
           "--cache_centroids", "1", "--adapter_prompts", "2", "--generator_steps", "1", "--par_steps", "2",
           "--scored_maps", "0")  # fmt: skip
METHODS = ("supervised", "fotf", "distill", "dgkd", "ssss", "fixmatch", "cps", "afa", "clip-es", "weclip", "viladiff",
           "imagenet", "diclip")  # fmt: skip
"""All methods, those that train fastest first."""
_OWN_WIDTH = ("afa", "weclip", "viladiff", "imagenet", "diclip", "clip-es")
"""Methods whose experiments set the width of their networks."""
_TABLE = """\
method: supervised
student: deeplabv3-resnet18
table: {title: A table, seeds: [0], score_on: val, columns: [miou]}
rows:
  plain: {}
  other: {head_rate: 2}
"""


@dataclass(frozen=True)
class Job:
    """A command and the folder that it writes; `again` are the words that go on after a fault.

    `before` are commands that it needs, run once; `program` runs the words. Errors are to be `plain`, for users, unless
    it is a script of somebody else's.
    """

    name: str
    words: list[str]
    again: Callable[[Path], list[str]]
    before: tuple[list[str], ...] = ()
    program: Program = main
    plain: bool = True


def training_words(method: str, place: Path) -> tuple[list[str], tuple[list[str], ...]]:
    """Returns the words of a tiny training of a method, without its folder, and the commands that prepare it."""
    keys = {**_SHARED, "world_scenes": "24" if method in ("viladiff", "imagenet", "diclip") else "60"}
    words = [word for key, value in keys.items() for word in (f"--{key}", value)]
    words += [] if method in _OWN_WIDTH else ["--width", "0.0625"]
    words += ["--selection", "last", "--columns", str(place / "columns")]
    if method in ("fotf", "distill", "dgkd"):
        words += ["--teacher", str(place / ("ssss" if method == "dgkd" else "model"))]
    words += _DICLIP if method == "diclip" else ()
    experiment = str(_CONFIGS / method / "world.yaml")
    before = (["prepare", experiment, *words],) if method in ("dgkd", "viladiff", "diclip") else ()
    return [experiment, *words], before


def training_jobs(place: Path, methods: Sequence[str]) -> Iterator[Job]:
    """Yields a training of each method."""
    for head in ("deeplabv3", "ssss"):
        name = "model" if head == "deeplabv3" else head
        build(Architecture(f"{head}-resnet18", width=0.0625), WORLD_CLASSES).save(place / name)
    for method in methods:
        keys, before = training_words(method, place)
        words = ["train", *keys, "--out", str(place / "out")]
        yield Job(f"train {method}", words, partial(_resumed, words), before)


def command_jobs(place: Path) -> Iterator[Job]:
    """Yields the commands that write anything else than a training."""
    images, model, out = place / "images", place / "model", str(place / "out")
    _write_inputs(place)
    predict = ["predict", str(model), str(images), "--out", out]
    yield Job("predict", predict, partial(_overwritten, predict))
    data = ["predict", str(model), "--data", "world:scenes=2,size=32", "--split", "val", "--out", out]
    yield Job("predict --data", data, partial(_overwritten, data))
    pseudo = [*data, "--pseudo-labels"]
    yield Job("predict --pseudo-labels", pseudo, partial(_overwritten, pseudo))
    label = ["label", str(model), str(images), "--tool", "coco", "--out", out]
    yield Job("label", label, partial(_overwritten, label))
    refine = ["refine", str(place / "scores"), "--images", str(images), "--scores", "--jobs", "1", "--out", out]
    yield Job("refine", refine, lambda folder: refine)
    enhance = ["enhance", str(images), "--method", "gamma", "--jobs", "1", "--out", out]
    yield Job("enhance", enhance, lambda folder: enhance)
    masks = ["--masks", str(place / "masks"), "--val", "0.4"]
    check = ["data", "check", str(images), *masks, "--out", f"{out}/dataset.json"]
    yield Job("data check", check, lambda folder: check)
    dgkd = training_words("dgkd", place)[1][0]
    prepare = [*dgkd[:-4], "--columns", out, *dgkd[-2:]]
    yield Job("prepare", prepare, lambda folder: prepare)


def table_jobs(place: Path) -> Iterator[Job]:
    """Yields a results table and a label-cost curve, whose tasks run in forks of the command."""
    out, data = place / "out", str(place / "set/dataset.json")
    write_text(place / "mine.yaml", _TABLE)
    _write_images(place / "set/images", place / "set/masks", 12)
    write_text(place / "set" / CLASS_FILE, class_table_text(WORLD_CLASSES))
    check = ["data", "check", str(place / "set"), "--val", "0.25", "--out", data]
    folders = ["--runs", str(out / "runs"), "--results", str(out / "results")]
    keys = ["--steps", "2", "--batch", "4", "--crop", "32"]
    narrow = ["--width", "0.0625", "--workers", "0", "--validate_every", "2", "--checkpoint_every", "1"]
    table = ["table", str(place / "mine.yaml"), "--data", data, *keys, *narrow, "--jobs", "1", *folders]
    yield Job("table", table, lambda folder: table, (check,))
    cost = ["cost", data, "--seeds", "0", "1", "--few", "4", "--jobs", "1", *keys, "--out", str(out)]
    yield Job("cost", cost, lambda folder: cost, (check,))


def _write_inputs(place: Path) -> None:
    """Writes what the commands read: a model, images, masks, score maps and a table of classes."""
    build(Architecture("deeplabv3-resnet18", width=0.0625), WORLD_CLASSES).save(place / "model")
    build(Architecture("ssss-resnet18", width=0.0625), WORLD_CLASSES).save(place / "ssss")
    _write_images(place / "images", place / "masks", 3)
    (place / "scores").mkdir()
    for name in ("masks", "scores"):
        write_text(place / name / CLASS_FILE, class_table_text(WORLD_CLASSES))
    draw = np.random.default_rng(0)
    for index in range(3):
        scores = draw.random((len(WORLD_CLASSES), 32, 32), dtype=np.float32)
        np.save(place / f"scores/{index}.npy", scores / scores.sum(axis=0))


def _write_images(images: Path, masks: Path, count: int) -> None:
    """Writes scenes of the embedded world and their masks."""
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index in range(count):
        sample = World("val", scenes=count, size=32).read(index)
        Image.fromarray(np.asarray(sample.image)).save(images / f"{index}.png")
        write_mask(masks / f"{index}.png", np.asarray(sample.labels), WORLD_CLASSES)


def _resumed(words: list[str], folder: Path) -> list[str]:
    return [*words, "--resume"] if (folder / "experiment.yaml").exists() else words


def _overwritten(words: list[str], folder: Path) -> list[str]:
    holds = folder.is_dir() and any(path.suffix == ".json" and path.name[0] != "." for path in folder.iterdir())
    return [*words, "--overwrite"] if holds else words
