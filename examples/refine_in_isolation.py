"""Trains ViLaDiff's denoiser alone, on labels of a frozen segmenter, and scores what it makes of guesses.

    python refine_in_isolation.py RUN [--rows NAME ...] [--seeds 0 1 2] [--steps 120] [--images 150]

RUN is a run of `viladiff`; its moving average guesses and is not trained. Its guesses on the training images without
masks, and its masks, teach a denoiser for STEPS steps with each row's keys. Guesses and refined labels of IMAGES
validation images are scored: mIoU, the share of pixels above the run's threshold, and the accuracy of that share.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from seglet import methods
from seglet.data.augment.strong import StrongAugmentation, strong_view
from seglet.data.loading.step_sampler import StepSampler, augmentation_rng
from seglet.engine.checkpoint import load_newest_checkpoint
from seglet.engine.datasets import split_source
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.training_loader import view_augmentation
from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.scores import class_counts, mean_iou
from seglet.labels.semi.pseudo_label import PseudoLabelMap, pseudo_label_map
from seglet.losses.vila import diffusion_loss
from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.method import Method
from seglet.methods.viladiff.mixe import MixE
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.heads.vila import StreamOutput, run_streams
from seglet.tensors import resize_align_corners
from seglet.types import IGNORE, SemiStep

MASKS = {"denoiser": "corrector", "mix": "flips", "denoise_labelled": True, "denoise_from": "guesses"}
LIKELIEST = {**MASKS, "refine_draw": "likeliest"}
ROWS: dict[str, dict[str, Any]] = {
    "recommended": {"refine": "recommended"},
    "printed": {},
    "route-arguments": {"route": "arguments"},
    "route-hidden": {"route": "hidden"},
    "corrector": {"denoiser": "corrector"},
    "corrector-flips": {"denoiser": "corrector", "mix": "flips"},
    "masks": MASKS,
    "masks-mean": {**MASKS, "refine_draw": "mean"},
    "likeliest-from-10": LIKELIEST,
    "likeliest-from-1": {**LIKELIEST, "refine_from": 1},
    "confusion-from-1": {**LIKELIEST, "refine_from": 1, "flips": "confusion"},
    "strong-from-1": {**LIKELIEST, "refine_from": 1, "strong": True},
}
"""Keys of each row beside the paper's; `strong`: on images with masks, errors are those of strong views."""
PAPER = {"denoiser": "whole", "refined_share": 1.0, "denoise_labelled": False, "mix": "both"}
DISTINCT, RATE, CLIP = 40, 0.0015, 1.0
"""Steps of images that are read, and then repeated; learning rate and clipped norm of AdamW."""


@dataclass(frozen=True)
class FrozenStep:
    """What the frozen segmenter says of a step: of labelled images in their weak and strong views, and of others."""

    labelled: StreamOutput
    labelled_strong: StreamOutput
    strong: StreamOutput
    masks: PseudoLabelMap
    guess: PseudoLabelMap


def frozen_steps(method: Method, experiment: Experiment, steps: int) -> list[FrozenStep]:
    settings, config = experiment.settings, method.config
    source = split_source(settings)
    data = config.datasets(source)[settings.train_split]
    sampler = StepSampler(len(data), settings.batch, seed=settings.seed)
    loader = config.loader(SemiStep, data, view_augmentation(settings), sampler)
    return [
        frozen_step(method, step, number) for number, step in zip(range(min(DISTINCT, steps)), loader, strict=False)
    ]


@torch.no_grad()
def frozen_step(method: Method, step: SemiStep, number: int) -> FrozenStep:
    labels = step.labelled.target.labels
    masks = PseudoLabelMap(labels, torch.ones(labels.shape), labels != IGNORE)
    weak = stream(method, step.unlabelled.images)
    logits = resize_align_corners(weak.logits, step.unlabelled.images.shape[-2:])
    strong = stronger(step.labelled.images, method.config.strong, number)
    return FrozenStep(
        stream(method, step.labelled.images),
        stream(method, strong),
        stream(method, step.unlabelled.strong[0]),
        masks,
        pseudo_label_map(logits, step.unlabelled.valid),
    )


def stream(method: Method, images: Tensor) -> StreamOutput:
    return run_streams(method.teacher.network.network, None, images, None).visual


def stronger(images: Tensor, how: StrongAugmentation, number: int) -> Tensor:
    rng = augmentation_rng(0, number)
    views = [strong_view(image.permute(1, 2, 0).numpy(), how, rng) for image in images]
    return torch.stack([torch.tensor(view).permute(2, 0, 1) for view in views])


def endless(steps: Sequence[FrozenStep]) -> Iterator[FrozenStep]:
    while True:
        yield from steps


def trained(config: Config, frozen: Sequence[FrozenStep], classes: int, steps: int, seed: int, strong: bool) -> MixE:
    """Trains a denoiser with these keys."""
    torch.manual_seed(seed)
    channels = frozen[0].strong.maps.shape[1]
    sizes = (channels, config.denoiser_width, config.denoiser_blocks)
    mixe = MixE(config, LabelDenoiser(classes, *sizes, corrector=config.denoiser == "corrector")).train()
    optimiser = torch.optim.AdamW(mixe.parameters(), lr=RATE, weight_decay=0.01)
    rng = torch.Generator().manual_seed(seed)
    for number, step in zip(range(steps), endless(frozen), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - number / steps) ** 0.9
        labelled = step.labelled_strong if strong else step.labelled
        if config.flips == "confusion":
            mixe.observe(labelled.logits, step.masks)
        taught = [(labelled, step.masks)] * config.denoise_labelled
        taught += [(step.strong, step.guess)] * config.denoise_unlabelled
        outputs, targets = zip(*taught, strict=True)
        predicted = len(labelled.logits) if config.denoise_labelled and config.denoise_from == "guesses" else 0
        both = StreamOutput.cat(outputs), PseudoLabelMap.cat(targets)
        total = diffusion_loss(mixe.losses(*both, number / steps, rng, predicted), config.mu)
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(mixe.parameters(), CLIP)
        optimiser.step()
    return mixe


@torch.no_grad()
def worth(probabilities: Tensor, labels: Tensor, threshold: float) -> list[float]:
    """Returns mIoU, the share of confident pixels, and the share of these that are right; all in %."""
    confidence, said = probabilities.max(1)
    known = labels != IGNORE
    kept = (confidence >= threshold) & known
    miou = mean_iou(class_counts(confusion_matrix(said, labels, probabilities.shape[1])))
    right = (kept & (said == labels)).sum() / kept.sum().clamp(min=1)
    return [100 * float(miou), 100 * float(kept.sum() / known.sum()), 100 * float(right)]


def line(name: str, found: Sequence[Sequence[float]]) -> str:
    columns = list(zip(*found, strict=True))
    first = f"{mean(columns[0]):.2f}" + (f" ± {stdev(columns[0]):.2f}" if len(found) > 1 else "")
    return f"| {name} | {first} | {mean(columns[1]):.1f} | {mean(columns[2]):.1f} | {len(found)} |"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(run: Path, rows: Mapping[str, dict[str, Any]], seeds: Sequence[int], steps: int, images: int) -> None:
    torch.set_num_threads(1)
    experiment = resolve_experiment(run / "experiment.yaml", {})
    data = split_source(experiment.settings).open(experiment.settings.val_split)
    classes = len(data.classes)
    method = methods.load_method("viladiff").Method.build(experiment.config, data.classes, experiment.settings.seed)
    method.load_state_dict(load_newest_checkpoint(run / "checkpoints")[1]["method"])
    method.eval()
    samples = [data.read(index) for index in range(min(images, len(data)))]
    labels = torch.stack([torch.from_numpy(sample.labels) for sample in samples]).long()
    pictures = torch.stack([torch.from_numpy(sample.image).permute(2, 0, 1).float() / 255 for sample in samples])
    with torch.no_grad():
        unseen = stream(method, pictures)
    size, threshold = labels.shape[-2:], method.config.threshold
    frozen = frozen_steps(method, experiment, steps)
    say("| row | mIoU % | confident % | of which right % | seeds |\n| --- | --- | --- | --- | --- |")
    say(line("guess", [worth(resize_align_corners(unseen.logits, size).softmax(1), labels, threshold)]))
    for name, keys in rows.items():
        strong = bool(keys.get("strong", False))
        own = {key: value for key, value in {**PAPER, **keys}.items() if key != "strong"}
        config, found = replace(method.config, **own), []
        for seed in seeds:
            mixe = trained(config, frozen, classes, steps, seed, strong)
            refined = mixe.refine(unseen, 1.0, torch.Generator().manual_seed(seed))
            found.append(worth(resize_align_corners(refined, size), labels, threshold))
        say(line(name, found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--images", type=int, default=150)
    given = parser.parse_args()
    table(given.run, {name: ROWS[name] for name in given.rows}, given.seeds, given.steps, given.images)
    return 0


if __name__ == "__main__":
    sys.exit(main())
