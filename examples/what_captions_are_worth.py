"""What the captions of a ViLaDiff run are worth: how well its teacher labels validation pictures with and without them.

    python what_captions_are_worth.py RUN [MOST]

Both streams of the running average label the pictures to validate on, at most MOST of them (200): the one that only
looks, the other with each picture's own captions, and with those of the picture before. Captions are as in training.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from seglet import methods
from seglet.data.dataset import Sample
from seglet.engine import checkpoint
from seglet.engine.experiment import resolve
from seglet.engine.splits import open_split
from seglet.evaluation.confusion import confusion
from seglet.evaluation.scores import marginals, mean_iou
from seglet.losses.pixel import resize
from seglet.methods.viladiff.method import Method
from seglet.models.vila import Text, streams


def labelled(method: Method, sample: Sample, text: Text | None) -> torch.Tensor:
    """Classes [h, w] that the teacher gives a picture: its fusion stream if there is a text, else the visual one."""
    image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
    fusion = None if method.fused_teacher is None else method.fused_teacher.network
    seen = streams(method.teacher.network.network, fusion, image, text)
    return resize((seen.fused or seen.visual).logits, image.shape[-2:]).argmax(dim=1)[0]


def texts(method: Method, samples: list[Sample]) -> list[Text]:
    """What the fusion stream reads of each picture, from scratch."""
    captions, tokens = method.producers(method.config, method.student.classes)
    say, read = captions.load(torch.device("cpu")), tokens.load(torch.device("cpu"))
    said = [replace(sample, texts={captions.name: say([sample])[0]}) for sample in samples]
    states = [torch.from_numpy(np.asarray(read([sample])[0], np.float32))[None] for sample in said]
    return [Text(each, torch.ones(each.shape[:2], dtype=torch.bool)) for each in states]


def main(run: Path, most: int) -> None:
    experiment = resolve(run / "experiment.yaml", {})
    settings = experiment.settings
    data = open_split(settings, settings.val_split, scored=False)
    if experiment.method != "viladiff" or experiment.config.captions is None:
        raise SystemExit(f"{run} is no run of viladiff with captions; give one")
    method = methods.load("viladiff").Method.build(experiment.config, data.classes, settings.seed)
    method.load_state_dict(checkpoint.load_newest(run / "checkpoints")[1]["method"])
    samples = [data.read(index) for index in range(min(most, len(data)))]
    own = texts(method.eval(), samples)
    rows = {"visual stream": [None] * len(own), "its own captions": own, "another picture's": [own[-1], *own[:-1]]}
    for name, given in rows.items():
        with torch.inference_mode():
            pairs = [(labelled(method, *each), each[0].labels) for each in zip(samples, given, strict=True)]
        counts = sum(confusion(seen, torch.from_numpy(true), len(data.classes)) for seen, true in pairs)
        sys.stdout.write(f"{name:<18} mIoU {100 * mean_iou(marginals(counts)):.1f} %\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 200)
