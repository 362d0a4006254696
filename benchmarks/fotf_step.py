"""A training step of FOTF against one of vanilla distillation, and against T full passes through the student.

DeepLabV3-ResNet-101 teaches DeepLabV3-ResNet-18, as in the paper, whose Table 6 has 1.529 (T = 5) and 2.057 (T = 10).
`--samples` and `--teacher-samples` measure that table.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks._fotf_passes import add_arguments, measure_passes, random_batch, vanilla_or_sampled
from benchmarks._harness import Result, in_turn
from seglet.methods.fotf import Config, Method
from seglet.methods.uncertainty_weights import Deviations, sample_deviations
from seglet.models.architecture import Architecture
from seglet.models.distillation.class_teacher import ClassTeacher
from seglet.models.distillation.teachers import Frozen
from seglet.models.layers.dropout import noise_from
from seglet.models.network import Network
from seglet.models.segmenter import build
from seglet.tensors import running_mean_and_deviation
from seglet.types import Classes, Labelled, Progress

SIDE, BATCH, CLASSES = 129, 2, 19
STUDENT, TEACHER = "deeplabv3-resnet18", "deeplabv3-resnet101"
REPEATS = 9
Step = Callable[[], Tensor]

__all__ = ["add_arguments", "run"]


@dataclass(frozen=True)
class StepResult(Result):
    """`ours` is FOTF with T = 5, `rival` vanilla distillation, `ratio` the median of the first over the second.

    The other ratios are over the same base: T = 10, and both with T full passes.
    """

    ratio_t10: float
    naive_t5: float
    naive_t10: float


def run(options: argparse.Namespace) -> Result:
    classes = Classes(tuple(f"class {k}" for k in range(CLASSES)), tuple((k, k, k) for k in range(CLASSES)))
    teacher = ClassTeacher(Frozen(build(Architecture(TEACHER), classes).network))
    batch = random_batch(BATCH, (SIDE, SIDE), CLASSES, torch.device("cpu"))
    if options.samples or options.teacher_samples:
        same = repeats_equal_full_passes(classes, batch)
        return measure_passes(options, lambda samples: vanilla_or_sampled(STUDENT, samples, classes, teacher), same)

    def step(naive: bool = False, **changes: int | bool) -> Step:
        method = Method.build(Config(student=STUDENT, **changes), classes, seed=0)  # type: ignore[arg-type]
        method.teacher = teacher
        return in_full(method.train(), batch) if naive else training_step(method.train(), batch)

    base = step(weigh_kd=False, weigh_task=False)
    steps = (base, step(samples=5), step(samples=10), step(naive=True, samples=5), step(naive=True, samples=10))
    for warming in steps:
        warming()
    rounds = torch.tensor([in_turn(steps, repeats=1) for _ in range(REPEATS)])
    seconds = rounds.median(dim=0).values.tolist()
    ratios = (rounds / rounds[:, :1]).median(dim=0).values.tolist()  # within a round, which load slows as a whole
    shapes = f"{TEACHER} -> {STUDENT}, {BATCH}x3x{SIDE}x{SIDE}, {CLASSES} classes, T = 5"
    equal = repeats_equal_full_passes(classes, batch)
    threads = torch.get_num_threads()
    return StepResult("fotf-step", seconds[1], seconds[0], ratios[1], "s", equal, shapes, threads, *ratios[2:])


def training_step(method: Method, batch: Labelled) -> Step:
    """One step with the settings of the paper, forward to optimiser."""
    trained = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=1e-4, momentum=0.9, weight_decay=1e-4)

    def step() -> Tensor:
        optimiser.zero_grad()
        total = method.losses(batch, Progress(0, 1)).total
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return total.detach()

    return step


def in_full(method: Method, batch: Labelled) -> Step:
    """The same step, its stochastic passes each through the whole student."""
    step = training_step(method, batch)

    def full(
        config: Config, network: Network, trunk: Tensor, size: torch.Size, generator: torch.Generator
    ) -> Deviations:
        sigma = full_passes(network, batch.images, config.samples, generator)
        return Deviations(sigma, sigma)

    def naive() -> Tensor:
        with patch("seglet.methods.uncertainty_weights.sample_deviations", full):
            return step()

    return naive


@torch.no_grad()
def full_passes(network: Network, images: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """σ as the paper describes it; the auxiliary head's masks come from elsewhere, so both ways draw alike."""
    with noise_from(network.head, generator):
        return running_mean_and_deviation([network(images).logits.softmax(dim=1) for _ in range(samples)])[1]


def repeats_equal_full_passes(classes: Classes, batch: Labelled) -> bool:
    """Whether repeating the tail gives the σ of repeating everything, masks being equal."""
    network = build(Architecture(STUDENT), classes).network.train()
    naive = full_passes(network, batch.images, 5, torch.Generator().manual_seed(1))
    trunk, size = network.embed(batch.images).trunk, batch.target.labels.shape[-2:]
    ours = sample_deviations(Config(), network, trunk, size, torch.Generator().manual_seed(1)).at_logits
    return torch.allclose(ours, naive, rtol=1e-5, atol=1e-7)
