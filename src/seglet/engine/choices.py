"""Rules that choose the settings of a run from its data and the machine, around the keys that the user gave.

The recipe for a processor was measured on 437 images of PASCAL VOC with seven classes, of several learning rates and
output strides (`seglet table pretrained-voc`). That for a GPU is the same with larger views; it was not measured.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seglet.engine.experiment import Choice
from seglet.models.backbones.variants import EFFICIENTNET_LITES, MIX_TRANSFORMERS, RESNETS, VISION_TRANSFORMERS

STUDENT = "fpn-efficientnet_lite0"


@dataclass(frozen=True)
class DataFacts:
    """Counts of the images to train on and to score on, their median height and width in pixels, and the classes."""

    images: int
    scored: int
    size: tuple[int, int]
    classes: int


@dataclass(frozen=True)
class Machine:
    """Processor cores, memory in GiB, and the GPU: its memory in GiB, 0 without one, and whether it has bfloat16."""

    cores: int
    memory: float
    gpu_memory: float = 0.0
    bf16: bool = False


@dataclass(frozen=True)
class _Recipe:
    """Limits of a kind of machine: side of a view, short side of an image, images of a step, epochs, steps."""

    crop: int
    short_side: int
    batch: int
    epochs: int
    steps: tuple[int, int]
    validations: int


_ON_PROCESSOR = _Recipe(crop=224, short_side=256, batch=8, epochs=8, steps=(400, 2000), validations=4)
_ON_GPU = _Recipe(crop=512, short_side=576, batch=16, epochs=40, steps=(1000, 20_000), validations=10)

_STEPS_PER_CLASS = 20
_LEAST_BATCH, _MOST_BATCH = 4, 16
_BYTES_PER_PIXEL = 2111
"""Activations of the default student, in 32-bit arithmetic at output stride 16; networks of other kinds take more."""
_HEAVIER = 4
_SECONDS_PER_MEGAPIXEL = 1.8
"""Time of one core for a training step of the default student, per million pixels."""

_SGD_FROM = 5e-3
"""Learning rate from which only sgd can be meant."""


@dataclass(frozen=True)
class _Rates:
    """Learning rate of the backbone, the factor on it elsewhere, and weight decay."""

    backbone: float
    head: float
    decay: float


_RATES = {
    ("adamw", "convolutional"): _Rates(5e-4, 10.0, 0.01),
    ("adamw", "hierarchical"): _Rates(6e-5, 10.0, 0.01),
    ("adamw", "transformer"): _Rates(1e-5, 40.0, 0.01),
    ("adamw", "random"): _Rates(2e-3, 1.0, 0.01),
    ("sgd", "convolutional"): _Rates(1e-3, 10.0, 1e-4),
    ("sgd", "hierarchical"): _Rates(1e-3, 10.0, 1e-4),
    ("sgd", "transformer"): _Rates(1e-3, 10.0, 1e-4),
    ("sgd", "random"): _Rates(0.02, 1.0, 1e-4),
}
"""By optimiser and by what the backbone starts from. Sources: SegFormer's code (6e-5, ten times that for the head),
UniMatch-V2's (5e-6 and 40 times that, for longer training), UniMatch's for sgd, CIRKD's from random weights; for
convolutions by adamw ours, measured."""


@dataclass(frozen=True)
class _Situation:
    """The data, the machine, and the values known so far: the given keys, and those chosen before."""

    data: DataFacts
    machine: Machine
    values: Mapping[str, Any]
    given: frozenset[str]

    @property
    def recipe(self) -> _Recipe:
        return _ON_GPU if self.on_gpu else _ON_PROCESSOR

    @property
    def on_gpu(self) -> bool:
        return self.machine.gpu_memory > 0

    @property
    def backbone(self) -> str:
        return str(self.values["student"]).partition("-")[2]


def choose_settings(data: DataFacts, machine: Machine, given: Mapping[str, Any]) -> tuple[Choice, ...]:
    """Returns the keys that were not given, with their values, in groups that have one reason each.

    Args:
        data: facts about the data set.
        machine: facts about the hardware that the run will use.
        given: the keys that are decided, `method` among them, with values of their own types; the choice adapts to
            them.
    """
    values, made = dict(given), []
    rules: tuple[Callable[[_Situation], Choice], ...] = (_network, _views, _optimisation, _length, _hardware)
    for rule in rules:
        choice = rule(_Situation(data, machine, values, frozenset(given)))
        new = {key: value for key, value in choice.values.items() if key not in given}
        values.update(new)
        if new:
            made.append(Choice(new, choice.reason))
    return tuple(made)


def starts_from(values: Mapping[str, Any]) -> str:
    """Returns `random`, or the kind of a pretrained backbone: convolutional, hierarchical or transformer."""
    backbone = str(values["student"]).partition("-")[2]
    pretrained, width = values.get("pretrained", "auto"), values.get("width", 1.0)
    hub = ":" in backbone
    known = (hub or backbone in EFFICIENTNET_LITES) and width == 1
    if values.get("student_weights") is None and (pretrained == "none" or (pretrained == "auto" and not known)):
        return "random"
    if backbone in MIX_TRANSFORMERS or any(name in backbone for name in ("mit-", "swin", "segformer")):
        return "hierarchical"
    convolutional = any(name in backbone for name in ("resnet", "convnext", "efficientnet", "mobilenet"))
    return "convolutional" if convolutional else "transformer"


def _network(now: _Situation) -> Choice:
    if "student" not in now.given:
        values = {"student": STUDENT, "pretrained": "auto", "output_stride": 32}
        return Choice(values, "small and fast on a processor; its ImageNet weights are a package of the Python index")
    if now.backbone in EFFICIENTNET_LITES:
        return Choice({"output_stride": 32}, "nothing is dilated, which is fastest")
    return Choice({"output_stride": 16} if now.backbone in RESNETS else {}, "a quarter of the work of 8 at the end")


def _views(now: _Situation) -> Choice:
    recipe, short = now.recipe, min(now.data.size)
    if "crop" in now.given:
        crop = tuple(now.values["crop"])
        target = max(recipe.short_side, math.ceil(max(crop) * recipe.short_side / recipe.crop))
        resize = now.values.get("resize", _two_digits(min(1.0, target / short)))
    else:
        resize = now.values.get("resize", _two_digits(min(1.0, recipe.short_side / short)))
        crop = (_crop_side(short * resize, recipe, _crop_unit(now.backbone)),) * 2
    batch = now.values.get("batch", _batch(now, crop))
    height, width = (round(side * resize) for side in now.data.size)
    limit = "this GPU has no memory for" if now.on_gpu else "a processor is slow with"
    reason = f"images are read at about {width}x{height}; {limit} larger steps"
    zoom = {} if now.on_gpu else {"scale": (0.75, 1.5)}  # few epochs: training views like the images to segment
    return Choice({"resize": resize, "crop": crop, "batch": batch, **zoom}, reason)


def _crop_unit(backbone: str) -> int:
    """Returns a number of pixels of which the sides of a view are multiples, so that no patch is cut."""
    if backbone.startswith("hf:"):
        from seglet.models.foundation.hub import read_present_description

        config = read_present_description(backbone)
        if config is None:
            return 224  # a multiple of patches of 14, 16 and 32
        patch = config.get("patch_size")
        return patch if isinstance(patch, int) and 32 % patch else 32
    if backbone.startswith("clip:"):
        return 224  # a multiple of patches of 8, 14, 16 and 32
    shape = VISION_TRANSFORMERS.get(backbone)
    return 32 if shape is None or 32 % shape.patch == 0 else shape.patch


def _crop_side(short: float, recipe: _Recipe, unit: int) -> int:
    """Returns seven eighths of the short side, up to whole units; at least 64 and at most the recipe's."""
    most = max(recipe.crop // unit, 1) * unit
    least = math.ceil(64 / unit) * unit
    return min(max(math.ceil(short * 0.875 / unit) * unit, least), most)


def _batch(now: _Situation, crop: tuple[int, ...]) -> int:
    """Returns the largest power of two whose views cost no more than a step may, from 4 to 16, for all devices."""
    recipe, area = now.recipe, crop[0] * crop[1]
    pixels = float(recipe.batch * recipe.crop**2)
    if now.on_gpu:
        light = now.backbone in EFFICIENTNET_LITES
        bytes_per_pixel = _BYTES_PER_PIXEL * (1 if light else _HEAVIER) / (2 if now.machine.bf16 else 1)
        fits = now.machine.gpu_memory * 2**30 / 2 / bytes_per_pixel
        pixels = min(pixels, fits)
    batch = _MOST_BATCH
    while batch > _LEAST_BATCH and batch * area > pixels:
        batch //= 2
    share = int(now.values.get("devices", 1)) * int(now.values.get("accumulate", 1))
    return math.ceil(batch / share) * share


def _optimisation(now: _Situation) -> Choice:
    given_rate = now.values.get("learning_rate")
    usual = "sgd" if given_rate is not None and given_rate >= _SGD_FROM else "adamw"
    optimiser = now.values.get("optimiser", usual)
    start = starts_from(now.values)
    rates = _RATES[optimiser, start]
    rate = rates.backbone if given_rate is None else given_rate
    head = min(rates.head, max(1.0, _two_digits(rates.backbone * rates.head / rate))) if rate else rates.head
    values = {"optimiser": optimiser, "learning_rate": rate, "head_rate": head, "weight_decay": rates.decay}
    if start == "random":
        return Choice(values, "all weights start from chance and learn at one rate")
    factor = now.values.get("head_rate", head)
    return Choice(values, f"all but the pretrained backbone learns {factor:g} times as fast")


def _length(now: _Situation) -> Choice:
    recipe, (low, high) = now.recipe, now.recipe.steps
    batch, crop = now.values["batch"], now.values["crop"]
    wanted = max(recipe.epochs * now.data.images / batch, _STEPS_PER_CLASS * now.data.classes)
    steps = now.values.get("steps", min(max(math.ceil(wanted / 50) * 50, low), high))
    trained, scored = steps * batch * crop[0] * crop[1], now.data.scored * _area(now)
    affordable = math.floor(0.9 * trained / scored) if scored else recipe.validations  # a pass costs a third of a step
    validations = min(max(affordable, 2), recipe.validations)
    every = now.values.get("validate_every", math.ceil(steps / validations))
    values = {"steps": steps, "warmup": steps // 20, "validate_every": every, "checkpoint_every": min(every, 200)}
    epochs = max(1, round(steps * batch / now.data.images))
    seconds = _seconds(now, trained + scored / 3 * (steps // every))
    time = f", about {_duration(seconds)} here" if seconds else ""
    return Choice(values, f"about {epochs} epoch{'' if epochs == 1 else 's'}{time}")


def _seconds(now: _Situation, pixels: float) -> float:
    """Returns the time of training on a processor, 0 where it is unknown: on a GPU, or with another network."""
    if now.on_gpu or now.values["student"] != STUDENT or now.values.get("method") != "supervised":
        return 0.0
    return float(pixels / 1e6 * _SECONDS_PER_MEGAPIXEL / min(now.machine.cores, 8) ** 0.8)


def _hardware(now: _Situation) -> Choice:
    cores = now.machine.cores
    workers = min(8, max(cores - 1, 1)) if now.on_gpu else min(2, cores // 2)
    workers = now.values.get("workers", workers)
    decoded = now.data.images * _area(now) * 4 / 2**30  # three bytes of colour and one of the mask
    cache = math.ceil(10 * min(decoded, now.machine.memory / 4 / max(workers, 1))) / 10
    precision = "bf16-mixed" if now.on_gpu and now.machine.bf16 else "32"
    device = f"a GPU of {now.machine.gpu_memory:.0f} GiB" if now.on_gpu else "no GPU"
    processor = "1 core" if cores == 1 else f"{cores} cores"
    return Choice({"precision": precision, "workers": workers, "cache": cache}, f"{processor}, {device}")


def _area(now: _Situation) -> float:
    height, width = now.data.size
    return float(height * width * now.values["resize"] ** 2)


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def _duration(seconds: float) -> str:
    from seglet.engine.console import format_duration

    return format_duration(max(seconds, 1))
