"""A training step of DGKD against the student's own step in the dark: what teacher, denoising and depth add.

The paper's WideResNet38 at half its width; the authors say that denoising adds 124.7 G multiply-adds to 296.7.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks._harness import Result, in_turn
from seglet.methods.dgkd import Config, Method
from seglet.methods.dgkd.branches import Branches
from seglet.models.architecture import Architecture
from seglet.models.distillation.teachers import Frozen
from seglet.models.network import Network
from seglet.models.segmenter import build
from seglet.types import Classes, Crop, Progress, Tagged

SIDE, BATCH, CLASSES, WIDTH = 129, 2, 21, 0.5
STUDENT = "ssss-wideresnet38"
REPEATS = 5
Step = Callable[[], Tensor]


@dataclass(frozen=True)
class StepResult(Result):
    """`ours` is DGKD with depth, `rival` the student alone, `ratio` the median of the first over the second.

    The other ratios are over the same base: comparing features as they are, with a teacher but without denoising; and
    DGKD without depth. `equal` says whether the student alone is the same network in all.
    """

    compared: float
    without_depth: float


def run() -> StepResult:
    names = ("background", *(f"class {k}" for k in range(1, CLASSES)))
    classes = Classes(names, tuple((k, k, k) for k in range(CLASSES)))
    teacher = Frozen(build(Architecture(STUDENT, width=WIDTH), classes, seed=1).network)
    alone = method(classes, None, distil="none", fusion="none")
    compared = method(classes, teacher, distil="features", denoise=False, fusion="none")
    flat, whole = method(classes, teacher, fusion="none"), method(classes, teacher)
    steps = tuple(training_step(one) for one in (alone, compared, flat, whole))
    for warming in steps:
        warming()
    rounds = torch.tensor([in_turn(steps, repeats=1) for _ in range(REPEATS)])
    seconds = rounds.median(dim=0).values.tolist()
    ratios = (rounds / rounds[:, :1]).median(dim=0).values.tolist()  # within a round, which load slows as a whole
    shapes = f"{STUDENT} x {WIDTH}, {BATCH}x3x{SIDE}x{SIDE}, {CLASSES} classes, T = 5"
    equal = len({sum(p.numel() for p in one.student.parameters()) for one in (alone, compared, flat)}) == 1
    threads = torch.get_num_threads()
    return StepResult("dgkd-step", seconds[3], seconds[0], ratios[3], "s", equal, shapes, threads, *ratios[1:3])


def method(classes: Classes, teacher: Frozen[Network] | None, **keys: Any) -> Method:
    """One that starts from chance, with this teacher."""
    keys = {"student": STUDENT, "width": WIDTH, "projected": 128, **keys}
    alone = Method.build(Config(**{**keys, "distil": "none"}), classes, seed=0)
    if teacher is None:
        return alone.train()
    backbone, config = alone.student.network.backbone, Config(**keys)
    shallow, deep = backbone.channels[backbone.shallow], backbone.channels[-1]
    channels = {"shallow": (shallow, shallow), "deep": (deep, deep), "mask": (len(classes), len(classes))}
    return Method(config, alone.student, teacher, Branches(config, channels)).train()


def random_batch() -> Tagged:
    generator = torch.Generator().manual_seed(0)
    light = torch.rand(BATCH, 3, SIDE, SIDE, generator=generator)
    tags = torch.zeros(BATCH, CLASSES)
    tags[:, 1] = 1
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * BATCH), torch.zeros(BATCH, dtype=torch.bool))
    columns = {"light": light, "depth": torch.rand(BATCH, SIDE, SIDE, generator=generator)}
    return Tagged(("a", "b"), light * 0.1, tags, crop, columns)


def training_step(method: Method) -> Step:
    """One step late in training, forward to optimiser."""
    trained = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=1e-4, momentum=0.9, weight_decay=5e-4)
    batch = random_batch()

    def step() -> Tensor:
        optimiser.zero_grad()
        total = method.losses(batch, Progress(9, 10)).total
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return total.detach()

    return step
