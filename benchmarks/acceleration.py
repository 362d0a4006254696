"""A training step in channels-last memory and one in bfloat16, with `--compile` also a compiled one, beside a plain."""

import argparse
import copy
import time
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks._harness import Result, in_turn
from seglet.engine.acceleration import compiled_backbones
from seglet.models.architecture import Architecture
from seglet.models.network import Network
from seglet.models.segmenter import build
from seglet.types import Classes

CLASSES = 21


@dataclass(frozen=True)
class AccelerationResult(Result):
    """`ours` is the step with channels-last, `rival` the plain one, `ratio` plain over channels-last.

    `mixed` are the seconds of the step in mixed precision (bfloat16), those of its loss within a hundredth of the
    plain one's; `compiled` those of the compiled step, None if it was not asked for, and `compilation` its first's.
    """

    mixed: float
    compiled: float | None
    compilation: float | None

    def details(self) -> str:
        """Returns lines about the steps in mixed precision and on a compiled backbone."""
        lines = [f"bf16-mixed: {self.mixed:.4g} s, ratio {self.rival / self.mixed:.3g}"]
        if self.compiled is not None:
            ratio = self.rival / self.compiled
            lines.append(f"compiled: {self.compiled:.4g} s, ratio {ratio:.3g}, first {self.compilation:.4g} s")
        return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the measurement."""
    parser.add_argument("--network", default="fpn-efficientnet_lite0", help="(fpn-efficientnet_lite0)")
    parser.add_argument("--side", type=int, default=224, help="height and width of the images (224)")
    parser.add_argument("--batch", type=int, default=8, help="images in a step (8)")
    parser.add_argument("--repeats", type=int, default=5, help="measured steps of each kind (5)")
    parser.add_argument(
        "--compile", action="store_true", help="measure a compiled backbone too; compiling takes minutes"
    )


def run(options: argparse.Namespace) -> AccelerationResult:
    stride = 32 if "efficientnet" in options.network else 8
    classes = Classes.named([f"class {number}" for number in range(CLASSES)])
    plain = build(Architecture(options.network, output_stride=stride), classes, seed=0).network.train()
    last = copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    compiled = copy.deepcopy(plain)
    size = (options.batch, 3, options.side, options.side)
    images = torch.rand(size, generator=torch.Generator().manual_seed(0))
    same = torch.allclose(step(last, images), step(plain, images), rtol=1e-4)
    same = same and torch.allclose(step(plain, images, mixed=True), step(plain, images), rtol=1e-2)
    calls = [lambda: step(last, images), lambda: step(plain, images), lambda: step(plain, images, mixed=True)]
    compilation = None
    with compiled_backbones(compiled) if options.compile else nullcontext():
        if options.compile:
            begin = time.process_time()
            same = same and torch.allclose(step(compiled, images), step(plain, images), rtol=1e-4)
            compilation = time.process_time() - begin
            calls.append(lambda: step(compiled, images))
        ours, rival, mixed, *fourth = in_turn(tuple(calls), options.repeats)
    shapes = f"{options.network}, {'x'.join(map(str, size))}"
    found = (ours, rival, rival / ours, "s", same, shapes, torch.get_num_threads())
    return AccelerationResult("acceleration", *found, mixed, fourth[0] if fourth else None, compilation)


def step(network: Network, images: Tensor, *, mixed: bool = False) -> Tensor:
    """Computes a loss and its gradients, and returns the loss; dropout is the same in every call."""
    torch.manual_seed(0)
    network.zero_grad()
    with torch.autocast("cpu", enabled=mixed):
        logits = network(images).logits
    loss: Tensor = logits.float().square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()
