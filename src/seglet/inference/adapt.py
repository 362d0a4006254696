"""Adapts a saved segmenter to unlabelled images: `seglet adapt`."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seglet._version import __version__
from seglet.data.dark.darkened_dataset import DarkenedDataset
from seglet.data.dark.presets import DarkPreset
from seglet.data.loading.step_sampler import EpochOrder, augmentation_rng
from seglet.data.opening import open_dataset
from seglet.engine.console import ProgressDisplay
from seglet.engine.output_folder import check_output_folder
from seglet.files import write_json
from seglet.images import MAX_PIXELS, resize_by_factor
from seglet.inference.dataset_images import DatasetImages
from seglet.inference.depth import DepthSource, find_depth_source
from seglet.inference.inputs import ImageFile, gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.models import load_colour_model
from seglet.models.adaptation import (
    batch_norm_statistics,
    minimise_entropy,
    reestimate_batch_norms,
    train_on_own_labels,
)
from seglet.models.image_tensor import SMALLEST_SIDE, pad_to_side
from seglet.models.onnx_segmenter import read_export_facts
from seglet.models.segmenter import Segmenter

ADAPT_RECORD = "adapted.json"
AdaptationMethod = Literal["adabn", "tent", "self-training"]
_RATES: dict[str, float] = {"tent": 1e-3, "self-training": 1e-4}


@dataclass(frozen=True)
class AdaptOptions:
    """Options of adapting a segmenter.

    Args:
        out: folder for the adapted segmenter (`model/`) and the record.
        method: `adabn` re-estimates the statistics of batch norms; `tent` also trains their scale and shift for surer
            predictions; `self-training` also trains the network on the labels of its own moving average.
        images: images that statistics are taken of, at most, drawn by `seed`.
        batch: images at once, of one size.
        blend: share of the new statistics, the rest being the old.
        resize: fraction of their size at which images are looked at.
        steps: training steps of `tent` and `self-training`.
        crop: side of their random crops, in pixels.
        rate: their learning rate; None for 1e-3 and 1e-4.
        darken: adapt to darkened images: a preset of `seglet data darken`, or the stops of light to take away.
        depth: for networks that take depth, where it comes from; see `find_depth_source`.
        seed: seed of the draws.
        device: where it computes.
        overwrite: replace an earlier result.
        command: command for the record.
        max_pixels: pixels that an image may have.

    Raises:
        ValueError: the rate is out of its range.
    """

    out: Path
    method: AdaptationMethod = "adabn"
    images: int = 160
    batch: int = 8
    blend: float = 1.0
    resize: float = 1.0
    steps: int = 100
    crop: int = 256
    rate: float | None = None
    darken: DarkPreset | float | None = None
    depth: str | None = None
    seed: int = 0
    device: str = "auto"
    overwrite: bool = False
    command: str = ""
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate < 1:
            raise ValueError(f"rate: expected a number above 0 and below 1, got {self.rate}")

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings that decide the result, for JSON."""
        names = ["method", "images", "batch", "blend", "resize", "darken", "depth", "seed"]
        if self.method != "adabn":
            names += ["steps", "crop", "rate"]
        return {name: getattr(self, name) for name in names}


def adapt_model(model: str, inputs: Sequence[Path], data: str | None, split: str, options: AdaptOptions) -> JobReport:
    """Adapts a saved segmenter to images, without labels, and saves it.

    Args:
        model: folder, run, bundled name or hub id of the segmenter.
        inputs: images, folders of them and lists of paths; none where `data` names a data set.
        data: data set whose `split` holds the images; its masks and tags are not read.

    Raises:
        ValueError: the model has no batch norm, is an exported file or takes depth that is not given; there are no
            images; or the output folder holds other results.
    """
    segmenter = load_colour_model(model, options.device)
    if read_export_facts(segmenter) is not None:
        raise ValueError(f"{model} is an exported file, which cannot change; adapt its segmenter and export it again")
    if (data is None) != bool(inputs):
        raise ValueError("give images or --data, one of them: the images to adapt to")
    if data is None:
        if options.darken is not None:
            raise ValueError("--darken takes the images of --data; darken others before with `seglet data darken`")
        files = gather_images(inputs, options.out, options.max_pixels)
    else:
        samples = open_dataset(data, split)
        dark = samples if options.darken is None else DarkenedDataset(samples, options.darken)
        files = DatasetImages(data, dark).images
    source = {"data": data, "split": split} if data else {"images": [str(path.resolve()) for path in inputs]}
    record: dict[str, Any] = {"seglet": __version__, "command": options.command, "finished": False}
    record["settings"] = {"model": model, **source, **options.as_dict()}
    check_output_folder(options.out, ADAPT_RECORD, record, options.overwrite)
    write_json(options.out / ADAPT_RECORD, record)
    lines = adapt_segmenter(segmenter, files, options)
    segmenter.save(options.out / "model")
    write_json(options.out / ADAPT_RECORD, record | {"finished": True, "results": lines})
    lines.append(f"the adapted segmenter is in {options.out}; score it: seglet evaluate {options.out} --data DIR")
    return JobReport(options.out, record | {"finished": True}, lines)


def adapt_segmenter(segmenter: Segmenter, files: Sequence[ImageFile], options: AdaptOptions) -> list[str]:
    """Adapts a segmenter in place, to be used in evaluation mode; returns what was done, in lines."""
    looks = _Looks(segmenter, files, options, find_depth_source(segmenter, options.depth))
    chosen = looks.chosen()
    before = batch_norm_statistics(segmenter.network)

    def reestimate() -> None:
        segmenter.network.load_state_dict(before, strict=False)  # the blend is with these, also the second time
        with ProgressDisplay("adapt: statistics", len(chosen), "images") as display:
            reestimate_batch_norms(segmenter.network, looks.whole(chosen, display), options.blend)

    reestimate()
    lines = [f"batch norms have the statistics of {len(chosen)} of {len(files)} images"]
    if options.method != "adabn":
        rate = _RATES[options.method] if options.rate is None else options.rate
        with ProgressDisplay(f"adapt: {options.method}", options.steps) as display:
            crops = looks.crops(display)
            if options.method == "tent":
                found = minimise_entropy(segmenter.network, crops, rate)
                lines.append(f"entropy / log k: {found[0]:.3f} at the first step, {found[-1]:.3f} at the last")
            else:
                found = train_on_own_labels(
                    segmenter.network, crops, rate, disturb=Flicker(torch.Generator().manual_seed(options.seed))
                )
                lines.append(f"loss against own labels: {found[0]:.3f} at the first step, {found[-1]:.3f} at the last")
        reestimate()
    segmenter.eval()
    return lines


class Flicker:
    """Changes brightness and contrast of each image by chance, between two thirds and three halves."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def __call__(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b planes h w"]:
        draws = torch.rand(2, len(images), 1, 1, 1, generator=self.generator).to(images)
        gain, contrast = (2 / 3) * (9 / 4) ** draws
        colours = images[:, :3] * gain
        mean = colours.mean((1, 2, 3), keepdim=True)
        return torch.cat([(mean + (colours - mean) * contrast).clamp(0, 1), images[:, 3:]], dim=1)


@dataclass(frozen=True)
class _Looks:
    """The images as a segmenter takes them: whole ones for statistics, random crops to train on."""

    segmenter: Segmenter
    files: Sequence[ImageFile]
    options: AdaptOptions
    depths: DepthSource | None

    def chosen(self) -> list[ImageFile]:
        """Draws the images that statistics are taken of."""
        order = EpochOrder(len(self.files), self.options.seed)
        return [self.files[order.index(place)] for place in range(min(self.options.images, len(self.files)))]

    def whole(self, files: Sequence[ImageFile], display: ProgressDisplay) -> Iterator[Tensor]:
        """Yields batches of whole images of one size."""
        waiting: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for count, file in enumerate(files):
            planes = pad_to_side(self._prepared(file), SMALLEST_SIDE)
            group = waiting[tuple(planes.shape)]
            group.append(planes)
            if len(group) == self.options.batch:
                yield torch.cat(waiting.pop(tuple(planes.shape)))
            display.advance(count + 1)
        for group in waiting.values():
            alone = group if len(group) > 1 else [*group, group[0].flip(-1)]  # a norm of one value has no spread
            yield torch.cat(alone)

    def crops(self, display: ProgressDisplay) -> Iterator[Tensor]:
        """Yields `steps` batches of random crops, half of them mirrored."""
        order, batch = EpochOrder(len(self.files), self.options.seed), self.options.batch
        for step in range(self.options.steps):
            places = range(step * batch, (step + 1) * batch)
            yield torch.cat([self._crop(self.files[order.index(place)], place) for place in places])
            display.advance(step + 1)

    def _crop(self, file: ImageFile, place: int) -> Tensor:
        planes, side = self._prepared(file), self.options.crop
        rng = augmentation_rng(self.options.seed, place)
        planes = pad_to_side(planes, side)
        top, left = (int(rng.integers(length - side + 1)) for length in planes.shape[2:])
        crop = planes[..., top : top + side, left : left + side]
        return crop.flip(-1) if rng.random() < 0.5 else crop

    def _prepared(self, file: ImageFile) -> Tensor:
        image = resize_by_factor(file.read(), self.options.resize)
        depth = None if self.depths is None else np.asarray(self.depths(image, file.name))
        return self.segmenter.prepare(image, depth)
