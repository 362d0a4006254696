"""Scores the pseudo labels of a ViLaDiff run: mIoU, the share of confident pixels, and their accuracy.

    python score_pseudo_labels.py RUN [MOST] [--classes]

The moving average labels the validation images, at most MOST of them (200): with the visual stream; refined by the
denoiser, if the run has one; and, if the run reads captions, with the fusion stream, given each image's own captions
and those of the previous image. Pixels above the run's threshold are confident; training uses these. With --classes a
line for each class says which share of the pixels predicted as it is confident, and which share of these is right.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seglet import methods
from seglet.data.dataset import Sample
from seglet.engine.checkpoint import load_newest_checkpoint
from seglet.engine.datasets import split_source
from seglet.engine.experiment import resolve_experiment
from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.pseudo_labels import PseudoLabelQuality
from seglet.evaluation.scores import class_counts, mean_iou
from seglet.labels.semi.pseudo_label import Threshold, pseudo_label_map
from seglet.methods.viladiff.method import Method
from seglet.models.heads.vila import CaptionStates, run_streams
from seglet.tensors import resize_align_corners
from seglet.types import IGNORE, Classes


def texts(method: Method, samples: list[Sample]) -> list[CaptionStates]:
    """Returns the caption tokens of each image, computed without stored columns."""
    captions, tokens = method.producers(method.config, method.student.classes)
    say, read = captions.load(torch.device("cpu")), tokens.load(torch.device("cpu"))
    said = [replace(sample, texts={captions.name: say([sample])[0]}) for sample in samples]
    states = [torch.from_numpy(np.asarray(read([sample])[0], np.float32))[None] for sample in said]
    return [CaptionStates(each, torch.ones(each.shape[:2], dtype=torch.bool)) for each in states]


def sources(method: Method, samples: list[Sample]) -> dict[str, Callable[[Tensor, int], Tensor]]:
    """Returns the label sources by name: each computes logits from an image [1, 3, h, w] and its number."""
    teacher, fusion = method.teacher.network.network, method.fused_teacher
    found: dict[str, Callable[[Tensor, int], Tensor]] = {
        "visual stream": lambda image, _: run_streams(teacher, None, image, None).visual.logits
    }
    if method.mixe is not None:
        found["the same, refined"] = lambda image, _: method.predict_refined(image)
    if fusion is not None:
        own = texts(method, samples)

        def reading(image: Tensor, number: int) -> Tensor:
            return run_streams(teacher, fusion.network, image, own[number]).fused.logits

        found["its own captions"] = reading
        found["another image's"] = lambda image, number: reading(image, number - 1)
    return found


@torch.inference_mode()
def quality(
    source: Callable[[Tensor, int], Tensor], samples: list[Sample], classes: Classes, threshold: Threshold
) -> tuple[float, PseudoLabelQuality]:
    """Returns mIoU of all labels, in [0, 1], and the counts of confident and right ones."""
    counts, found = torch.zeros(len(classes), len(classes), dtype=torch.int64), PseudoLabelQuality(classes)
    for number, sample in enumerate(samples):
        image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
        labels = torch.from_numpy(sample.labels)[None]
        seen = pseudo_label_map(resize_align_corners(source(image, number), image.shape[-2:]), labels != IGNORE)
        counts += confusion_matrix(seen.labels, labels, len(classes))
        found.add(seen.labels, labels.long(), seen.target(threshold).weight)
    return mean_iou(class_counts(counts)), found


def main(run: Path, most: int, by_class: bool = False) -> None:
    experiment = resolve_experiment(run / "experiment.yaml", {})
    settings = experiment.settings
    if experiment.method != "viladiff":
        raise SystemExit(f"{run} is a run of {experiment.method}; give one of viladiff")
    data = split_source(settings).open(settings.val_split)
    method = methods.load_method("viladiff").Method.build(experiment.config, data.classes, settings.seed)
    method.load_state_dict(load_newest_checkpoint(run / "checkpoints")[1]["method"])
    samples = [data.read(index) for index in range(min(most, len(data)))]
    threshold = method.config.threshold if method.limits is None else method.limits.thresholds()
    for name, source in sources(method.eval(), samples).items():
        miou, found = quality(source, samples, data.classes, threshold)
        say(f"{name:<18} mIoU {100 * miou:.1f} %", found.scores(), "")
        for each in data.classes.names if by_class else ():
            say(f"    {each:<14}", found.scores(), f"/{each}")


def say(start: str, scores: dict[str, float], ending: str) -> None:
    trusted, right = (100 * np.nan_to_num(scores[f"{kind}{ending}"]) for kind in ("trusted", "precision"))
    sys.stdout.write(f"{start}, confident {trusted:.1f} %, of which right {right:.1f} %\n")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--classes"]
    if len(words) not in (1, 2):
        raise SystemExit(__doc__)
    main(Path(words[0]), int(words[1]) if len(words) == 2 else 200, "--classes" in sys.argv)
