"""The settings that every experiment has, whatever its method: data, views, schedule, hardware."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seglet.data.dark.views import DarkViewPreset
from seglet.evaluation.options import EvaluationOptions
from seglet.types import Classes, option
from seglet.values import ConfigError, choose_from, fold_spelling

if TYPE_CHECKING:
    from seglet.evaluation.result import Evaluation


@dataclass(frozen=True)
class Settings:
    """The keys that all methods share; an experiment holds them beside those of its method.

    `batch` counts the images of one optimiser step over all processes and accumulated micro-batches, so that the same
    experiment trains the same network on one device or many.
    """

    data: str = option(
        "world", "world (the embedded world, with options as in world:clutter=8) or a folder with images and masks"
    )
    train_split: str = option("train", "split to train on")
    val_split: str = option("val", "split to validate on")
    world_scenes: int = option(2000, "training scenes; read only with data: world")
    world_size: int = option(64, "side of a scene in pixels; read only with data: world")
    resize: float = option(1.0, "factor on the size of images when they are read; masks are scored at their own size")
    crop: tuple[int, int] = option((64, 64), "height and width of a training crop, in pixels")
    scale: tuple[float, float] = option((0.5, 2.0), "range of the random zoom, in 16 even steps; FOTF A.2, CIRKD code")
    flip: float = option(0.5, "probability of a left-right flip; FOTF A.2")
    colour_jitter: float = option(
        0.0, "largest relative change of brightness, contrast and saturation; CIRKD code has none"
    )
    augment: tuple[str, ...] = option(
        (),
        "further augmentations, each a name and options such as rotate degrees=10: turn, vflip, rotate, aspect, "
        "elastic, colour, gamma, blur, noise, jpeg, or a preset: street, objects, aerial, microscopy, industrial; "
        "docs/configuration.md",
    )
    copy_paste: float = option(
        0.0, "probability that the pixels of a rare class of another image are pasted into a view with a mask; ours"
    )
    balance: bool = option(False, "draw images with masks or tags so that every class comes as often as others; ours")
    dark: DarkViewPreset = option(
        "none", "darken training views as `seglet data darken` does: mild, night, extreme; or by `dark_stops`: stops"
    )
    dark_share: float = option(0.5, "share of the views that are darkened; read only with dark")
    dark_variant: Literal["degrade", "camera"] = option(
        "degrade", "pipeline of mild, night and extreme, as in `seglet data darken`; read only with dark"
    )
    dark_safe_invert: bool = option(False, "keep the highlights of darkened views; read only with dark")
    dark_stops: tuple[float, float] = option(
        (4.0, 4.0), "range of the stops of light to take; read only with dark: stops"
    )
    cache: float = option(1.0, "memory for decoded images in GiB per loading process; 0 turns the cache off")

    columns: str | None = option(None, "folder of the prepared columns; none: .seglet beside the data")

    steps: int = option(1000, "optimiser steps")
    batch: int = option(16, "images per optimiser step, over all devices; FOTF A.2 follows CIRKD: 16")
    accumulate: int = option(
        1, "micro-batches per step: more need less memory; same images, but statistics, draws and means are of each"
    )
    optimiser: Literal["sgd", "adamw"] = option(
        "sgd", "sgd for CNNs, adamw for SegFormer; FOTF A.2, also SSSS, UniMatch and DGKD-WLSS code: sgd"
    )
    learning_rate: float = option(0.02, "learning rate at the first step; FOTF A.2, CIRKD code")
    momentum: float = option(0.9, "momentum of sgd; FOTF A.2, CIRKD code")
    weight_decay: float = option(1e-4, "weight decay of all trained parameters; FOTF A.2, CIRKD code")
    power: float = option(0.9, "exponent of the polynomial decay to zero; FOTF A.2, CIRKD and UniMatch code")
    warmup: int = option(0, "steps of linear warm-up; CIRKD code has none")
    schedule: Literal["poly", "poly-warmup"] = option(
        "poly",
        "poly: warm-up towards the decayed rate; poly-warmup: from a millionth of the rate, as WeCLIP, ExCEL, DiCLIP",
    )
    head_rate: float = option(
        1.0, "factor on the learning rate outside the backbone; CIRKD code: 1, UniMatch and SSSS code: 10"
    )
    layer_decay: float = option(
        1.0,
        "factor on the learning rate from each layer of the backbone to the one before it; 1: none; BEiT, MAE: 0.65 to "
        "0.75 for ViTs",
    )
    freeze: Literal["none", "stem", "stage1", "stage2", "stage3", "stage4", "backbone"] = option(
        "none", "part of the backbone, from the image to this stage, that keeps its weights and statistics"
    )
    bias_rate: float = option(
        1.0, "factor on the learning rate of biases; if not 1, biases have no weight decay, as in SSSS code"
    )
    clip: float | None = option(None, "largest gradient norm; none: no clipping, as in CIRKD code")
    precision: Literal["32", "bf16-mixed", "16-mixed"] = option("32", "arithmetic of forward and backward passes")
    tf32: bool = option(
        False,
        "matrix products in TF32 on GPUs that have it: faster, 10 bits of mantissa; convolutions there have it anyway",
    )
    channels_last: bool = option(False, "keep the channels of a pixel together in memory; measured in docs/speed.md")
    compile: bool = option(False, "compile the backbones; measured in docs/speed.md")
    sync_bn: bool = option(False, "share batch-norm statistics between GPUs; CIRKD (8 GPUs) and UniMatch code do")

    seed: int = option(0, "seed of initial weights, order, views and dropout")
    workers: int = option(2, "loading processes per device; their number does not change the views")
    accelerator: Literal["auto", "cpu", "gpu"] = option("auto", "device type; auto: a GPU if there is one")
    devices: int = option(1, "processes, one per device; under torchrun equal to --nproc-per-node")
    strategy: Literal["ddp", "fsdp"] = option(
        "ddp", "ddp: each device holds every teacher whole; fsdp: frozen teachers are divided among the devices"
    )
    activation_checkpointing: bool = option(
        False, "compute the maps within the blocks of the student's backbone again in the backward pass: less memory"
    )
    deterministic: bool = option(True, "use deterministic kernels, with a warning where there is none")

    validate_every: int = option(200, "steps between validations")
    val_batch: int = option(8, "validation images at once, where their sizes agree; the scores do not depend on it")
    val_window: tuple[int, int] | None = option(
        None, "height and width of a validation's sliding windows in pixels; none: whole images, as CIRKD code for CNNs"
    )
    val_stride: tuple[int, int] | None = option(
        None, "rows and columns between these windows; none: two thirds of a window, as in `seglet evaluate`"
    )
    checkpoint_every: int = option(200, "steps between checkpoints")
    keep_checkpoints: int = option(2, "number of newest checkpoints to keep")
    selection: str = option(
        "miou",
        "validation score that selects the saved model: miou, miou_present, miou_all, iou:CLASS, boundary_iou, "
        "pixel_accuracy, mean_accuracy, or ece, of which less is better; last: the final one",
    )
    patience: int = option(
        0, "validations in turn without a better `selection` after which training stops; 0: it never stops early"
    )
    log: tuple[Literal["csv", "tensorboard", "wandb", "mlflow"], ...] = option(
        (), "trackers that get metrics, experiment, sample images and model card too: csv, tensorboard, wandb, mlflow"
    )
    tensorboard: bool = option(False, "older spelling of `log: [tensorboard]`")

    @property
    def trackers(self) -> tuple[str, ...]:
        """Names of the trackers, each once."""
        return tuple(dict.fromkeys([*self.log, *(["tensorboard"] if self.tensorboard else [])]))

    def validation_options(self, boundary: bool = False, trust: tuple[float, ...] | None = None) -> EvaluationOptions:
        """Returns the way in which whole images are predicted and scored, also by boundary IoU or as pseudo labels.

        Raises:
            ValueError: a value is out of its range.
        """
        windows = (self.val_window, self.val_stride)
        return EvaluationOptions(self.val_batch, *windows, replicas=0, boundary=boundary, trust=trust)


def saves_memory(settings: Settings) -> bool:
    """Returns whether a setting of `seglet.engine.memory` is on."""
    return settings.strategy != "ddp" or settings.activation_checkpointing


LAST = "last"
"""Choice of `selection` that needs no score."""

FREE_ON_RESUME = frozenset(
    {"workers", "cache", "columns", "accelerator", "devices", "keep_checkpoints", "checkpoint_every"}
    | {"val_batch", "log", "tensorboard", "strategy", "activation_checkpointing"}
    | {"pretrained"}  # decides initial weights alone, which a checkpoint replaces
)
"""Keys that may change when a run is resumed: they cannot change its result, but for the order of sums and, with
several devices, the statistics of batch norm."""

PLACES_OF_DATA = frozenset({"data", "light"})
"""Keys that may change too if the data's fingerprints agree: they say where the same images and masks are."""

BOUNDARY = "boundary_iou"
_ONE_CLASS = "iou:"
_CALIBRATION = "ece"
_SCORES = ("miou", "miou_present", "miou_all", "pixel_accuracy", "mean_accuracy", BOUNDARY)


@dataclass(frozen=True)
class Selection:
    """A choice of the score that selects the model; `key` is its name among the scores of a validation."""

    name: str
    key: str

    @classmethod
    def parse(cls, name: str) -> "Selection":
        """Reads a value of the key `selection`.

        Raises:
            ConfigError: there is no such score.
        """
        if name == _CALIBRATION:
            return cls(name, "ece_10")
        if name not in (LAST, *_SCORES) and not (name.startswith(_ONE_CLASS) and name != _ONE_CLASS):
            choices = (*_SCORES, _CALIBRATION, f"{_ONE_CLASS}CLASS", LAST)
            raise ConfigError(f"selection: there is no score {name!r}; {choose_from(name, choices)}")
        return cls(name, name)

    def merit(self, scores: Mapping[str, float], step: int) -> float:
        """Returns a number that is higher the better the model is: the score, the negative of an error, or the step."""
        if self.name == LAST:
            return step
        return -scores[self.key] if self.name == _CALIBRATION else scores[self.key]

    def label(self, classes: Classes) -> int | None:
        """Returns the label of the class whose IoU selects; None if another score does.

        Raises:
            ConfigError: there is no such class; proposes the nearest.
        """
        if not self.name.startswith(_ONE_CLASS):
            return None
        wanted = self.name.removeprefix(_ONE_CLASS)
        if wanted in classes.names:
            return classes.names.index(wanted)
        alike = [label for label, name in enumerate(classes.names) if fold_spelling(name) == fold_spelling(wanted)]
        if len(alike) != 1:
            raise ConfigError(f"selection: there is no class {wanted!r}; {choose_from(wanted, classes.names)}")
        return alike[0]

    def scores(self, evaluation: "Evaluation") -> dict[str, float]:
        """Returns the scores of a validation, with the selected class's IoU."""
        label = self.label(evaluation.classes)
        more = {} if label is None else {self.key: float(evaluation.summary.iou[label])}
        return {**evaluation.scores(), **more}

    def text(self, scores: Mapping[str, float]) -> str:
        """Returns the score for a line of a log, if it is not among those that every line has."""
        if self.key in (LAST, "miou", "ece_10") or math.isnan(scores[self.key]):
            return ""
        return f", {self.name} {100 * scores[self.key]:.2f} %"
