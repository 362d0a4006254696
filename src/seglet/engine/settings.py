"""What every experiment has to say, whatever its method: data, views, schedule, hardware."""

from dataclasses import dataclass
from typing import Literal

from seglet.data.dark.views import Dark
from seglet.types import option


@dataclass(frozen=True)
class Settings:
    """The keys that all methods share; one flat YAML holds them beside the method's own.

    `batch` is what one optimiser step sees, over all processes and accumulated micro-batches, so the same file trains
    the same network on one device or many.
    """

    data: str = option("world", "world, with knobs world:clutter=8, or a folder that `seglet data check` understands")
    train_split: str = option("train", "split to train on")
    val_split: str = option("val", "split to validate on")
    world_scenes: int = option(2000, "training scenes of the embedded world")
    world_size: int = option(64, "side of the embedded world's scenes, in pixels")
    resize: float = option(1.0, "read images at this fraction of their size; scores are taken at the masks' own size")
    crop: tuple[int, int] = option((64, 64), "height and width of a training view, in pixels")
    scale: tuple[float, float] = option((0.5, 2.0), "range of the random zoom, in 16 even steps; CIRKD code")
    flip: float = option(0.5, "chance of a left-right flip")
    colour_jitter: float = option(0.0, "largest relative change of brightness, contrast and saturation; 0 in CIRKD")
    dark: Dark = option("none", "take views in the dark, as `seglet data darken` does: mild, night or extreme; or none")
    dark_share: float = option(0.5, "of the views that are darkened; read only with dark")
    cache: float = option(1.0, "GiB of decoded images kept in memory by each loading process; 0 turns it off")

    columns: str | None = option(None, "folder of what `seglet prepare` computed; none: beside the data, in .seglet")

    steps: int = option(1000, "optimiser steps")
    batch: int = option(16, "images per optimiser step, over all devices; FOTF Sec. 4.1 follows CIRKD: 16")
    accumulate: int = option(1, "micro-batches a step is cut into; saves memory, changes only batch-norm statistics")
    optimiser: Literal["sgd", "adamw"] = option("sgd", "sgd for the CNNs, adamw for SegFormer; CIRKD code")
    learning_rate: float = option(0.02, "at the first step; CIRKD code")
    momentum: float = option(0.9, "of sgd; CIRKD code")
    weight_decay: float = option(1e-4, "on all trained parameters; CIRKD code")
    power: float = option(0.9, "of the polynomial decay to zero; CIRKD code")
    warmup: int = option(0, "steps of linear warm-up; CIRKD has none")
    schedule: Literal["poly", "poly-warmup"] = option(
        "poly", "poly warms up to the decayed rate; poly-warmup from a millionth, as WeCLIP, ExCEL and DiCLIP train"
    )
    head_rate: float = option(1.0, "of layers outside the backbone, times the learning rate; CIRKD code: all alike")
    bias_rate: float = option(1.0, "of biases, times their layer's rate; unless 1, without weight decay as in SSSS")
    clip: float | None = option(None, "largest gradient norm; none is the papers' choice")
    precision: Literal["32", "bf16-mixed", "16-mixed"] = option("32", "arithmetic of forward and backward passes")
    sync_bn: bool = option(False, "share batch-norm statistics between GPUs; CIRKD does on 8")

    seed: int = option(0, "decides initial weights, order, views and dropout")
    workers: int = option(2, "loading processes per device; any number gives the same views")
    accelerator: Literal["auto", "cpu", "gpu"] = option("auto", "where to train; auto takes a GPU if there is one")
    devices: int = option(1, "processes, one for each device; under torchrun its --nproc-per-node")
    deterministic: bool = option(True, "take kernels whose result does not depend on timing; warn where there is none")

    validate_every: int = option(200, "steps between validations")
    checkpoint_every: int = option(200, "steps between checkpoints")
    keep_checkpoints: int = option(2, "how many of the newest checkpoints stay")
    selection: Literal["miou", "miou_present", "miou_all", "pixel_accuracy", "last"] = option(
        "miou", "which validation score picks the model that is kept"
    )
    tensorboard: bool = option(False, "also write TensorBoard events; needs the extra seglet[log]")


FREE_ON_RESUME = frozenset(
    {"workers", "cache", "columns", "accelerator", "devices", "keep_checkpoints", "checkpoint_every", "tensorboard"}
)
"""Keys whose change cannot change what a resumed run computes (devices: up to the order of sums)."""
