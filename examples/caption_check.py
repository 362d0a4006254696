"""Tries what captions add to a frozen backbone (ViLaDiff, Sec. 3.2), and draws the features with and without (Fig. 1).

    python caption_check.py EXPERIMENT OUT [--KEY VALUE ...]

EXPERIMENT is one of `viladiff` with captions, such as configs/viladiff/world.yaml. Its backbone stays as it is; the
head of the visual stream and the caption's cross-attention learn from the labelled images alone, neither from the
other. Both are scored on at most 200 validation images, the second also with the captions of another image. OUT gets
the run and two charts of tokens of some pixels of each class, laid out by t-SNE: `visual.svg` and `captions.svg`.
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seglet import methods
from seglet.cli.options.experiment import parse_keys
from seglet.data.dataset import Sample
from seglet.engine.checkpoint import load_newest_checkpoint
from seglet.engine.console import print_message
from seglet.engine.datasets import split_source
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.prepare import PrepareOptions, prepare_experiment
from seglet.engine.train import StartOptions, train_experiment
from seglet.inference.models import choose_device
from seglet.methods.viladiff.method import Method
from seglet.models.heads.vila import run_streams
from seglet.report.charts import scatter_chart
from seglet.report.embedding import share_of_like_neighbours, tsne
from seglet.types import IGNORE

ALONE: dict[str, Any] = {
    "method": "viladiff", "freeze_backbone": True, "mix": "none", "pseudo_weight": 0, "feature_weight": 0,
    "logit_weight": 0, "path_weight": 0,
}  # fmt: skip
"""Keys by which both streams learn from masks alone, on a backbone that does not."""
MOST, PIXELS = 200, 40
"""Images that are scored, and pixels of each class that are drawn."""
SCORES = runpy.run_path(str(Path(__file__).with_name("score_pseudo_labels.py")))


def check_captions(source: str, out: Path, keys: dict[str, Any]) -> None:
    experiment = resolve_experiment(source, {**keys, **ALONE})
    if experiment.config.captions is None:
        raise SystemExit("captions: none leaves nothing to try; give captions, a file or a captioner")
    prepare_experiment(experiment, PrepareOptions(choose_device("auto")), print_message)
    run = train_experiment(experiment, out, StartOptions(overwrite=True))
    method, samples = trained(experiment, run.checkpoints), validation_samples(experiment)
    classes, names = method.student.classes, {"visual stream": "no captions"}
    for name, predict in SCORES["sources"](method, samples).items():
        miou, _ = SCORES["quality"](predict, samples, classes, 1.0)
        sys.stdout.write(f"{names.get(name, name):<18} mIoU {100 * miou:.1f} %\n")
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in classes.colours]
    for name, (tokens, labels) in drawn_tokens(method, samples).items():
        like = share_of_like_neighbours(tokens, labels)
        sys.stdout.write(f"{name:<18} nearest token of the same class: {100 * (like or 0):.1f} %\n")
        places = zip(tsne(tokens), labels.tolist(), strict=True)
        dots = [(float(x), float(y), colours[label], classes.names[label]) for (x, y), label in places]
        (out / f"{name}.svg").write_text(scatter_chart(f"Tokens of pixels by class: {name}", dots), encoding="utf-8")


def trained(experiment: Experiment, checkpoints: Path) -> Method:
    classes = split_source(experiment.settings).open(experiment.settings.val_split).classes
    method = methods.load_method("viladiff").Method.build(experiment.config, classes, experiment.settings.seed)
    method.load_state_dict(load_newest_checkpoint(checkpoints)[1]["method"])
    return method.eval()


def validation_samples(experiment: Experiment) -> list[Sample]:
    data = split_source(experiment.settings).open(experiment.settings.val_split)
    return [data.read(index) for index in range(min(MOST, len(data)))]


@torch.inference_mode()
def drawn_tokens(method: Method, samples: Sequence[Sample]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns tokens and labels of the same pixels in both streams."""
    kept: dict[str, list[Tensor]] = {"visual": [], "captions": []}
    found: list[Tensor] = []
    for sample, text in zip(samples, SCORES["texts"](method, samples), strict=True):
        image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
        both = run_streams(method.teacher.network.network, method.fused_teacher.network, image, text)
        for name, stream in zip(kept, (both.visual, both.fused), strict=True):
            kept[name].append(stream.tokens[0].flatten(1).T)
        found.append(labels_at_grid(sample.labels, both.visual.tokens.shape[-2:]).flatten())
    labels = torch.cat(found)
    chosen = pixels_of_each_class(labels)
    return {name: (torch.cat(parts)[chosen].numpy(), labels[chosen].numpy()) for name, parts in kept.items()}


def labels_at_grid(labels: np.ndarray, grid: Sequence[int]) -> Tensor:
    rows, columns = ((np.arange(n) * 2 + 1) * side // (2 * n) for n, side in zip(grid, labels.shape, strict=True))
    return torch.from_numpy(labels[np.ix_(rows, columns)].astype(np.int64))


def pixels_of_each_class(labels: Tensor) -> Tensor:
    """Returns the numbers of some pixels of each class, drawn at random, the same each time."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    present = [label for label in labels.unique().tolist() if label != IGNORE]
    return torch.cat([order[labels[order] == label][:PIXELS] for label in present])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    check_captions(sys.argv[1], Path(sys.argv[2]), parse_keys(sys.argv[3:]))
