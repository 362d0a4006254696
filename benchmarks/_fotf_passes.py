"""FOTF's Table 6: what stochastic passes of student and teacher cost in a training step, in time and in memory."""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks._harness import Result
from benchmarks._memory import LiveBytes
from seglet.methods.fotf import Config, Method
from seglet.models.distillation.class_teacher import ClassTeacher, TeacherPass
from seglet.models.layers.dropout import active_dropouts
from seglet.models.network import Network
from seglet.models.uncertainty import mc_deviation
from seglet.tensors import running_mean_and_deviation
from seglet.types import Classes, Crop, Labelled, Target

PRINTED = {
    0: {0: 100.0, 5: 152.9, 10: 205.7, 15: 260.0, 20: 312.8},
    5: {0: 342.9, 5: 395.7, 10: 450.0, 15: 521.4, 20: 564.3},
}
"""Table 6 of the paper: time of a step by passes of the teacher, then of the student; vanilla distillation has 100."""

Step = Callable[[], Tensor]


@dataclass(frozen=True)
class PassesCell:
    """A cell of the table: seconds and bytes of a step, the passes through the tail of the head or in full."""

    teacher: int
    student: int
    seconds: float
    peak_bytes: int
    full_seconds: float
    full_peak_bytes: int


@dataclass(frozen=True)
class PassesResult(Result):
    """`ours` is the step with the most passes, `rival` the same in full; the bytes are those that a step adds."""

    cells: tuple[PassesCell, ...]

    def details(self) -> str:
        """Returns the table in Markdown, times as in the paper: the first cell has 100."""
        base = self.cells[0]
        lines = [
            "| teacher's passes | student's | seglet: time | memory | passes in full: time | memory | paper: time |",
            "|---|---|---|---|---|---|---|",
        ]
        for cell in self.cells:
            times = (100 * seconds / base.seconds for seconds in (cell.seconds, cell.full_seconds))
            ours, full = (f"{value:.1f}" for value in times)
            memory, full_memory = (f"{size / 2**20:.0f} MiB" for size in (cell.peak_bytes, cell.full_peak_bytes))
            paper = PRINTED.get(cell.teacher, {}).get(cell.student, "")
            lines.append(f"| {cell.teacher} | {cell.student} | {ours} | {memory} | {full} | {full_memory} | {paper} |")
        return "\n".join([*lines, f"100 is {base.seconds:.4g} s."])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of Table 6."""
    passes = parser.add_argument_group("Table 6 of the paper, if a number of passes is given")
    passes.add_argument("--samples", type=int, nargs="+", help="passes of the student (0 5 10 15 20)")
    passes.add_argument("--teacher-samples", type=int, nargs="+", help="passes of the teacher (0 5)")
    passes.add_argument("--device", default="cpu", help="cpu, or cuda (cpu)")
    passes.add_argument("--size", type=int, nargs=2, help="of the images (129 129, on cuda 512 1024)")
    passes.add_argument("--batch", type=int, default=2, help="images in a step; 2 is a GPU's share of 16 in CIRKD (2)")
    passes.add_argument("--repeats", type=int, help="measured steps of each cell (3, on cuda 50 as in the paper)")


def measure_passes(options: argparse.Namespace, build: Callable[[int], Method], same: bool) -> PassesResult:
    """Fills Table 6, row by row; `build` returns the method with so many passes of the student, 0 for none.

    The first cell is always vanilla distillation, which is 100.
    """
    device = torch.device(options.device)
    size = tuple(options.size or ((512, 1024) if device.type == "cuda" else (129, 129)))
    repeats = options.repeats or (50 if device.type == "cuda" else 3)
    batch = random_batch(options.batch, size, classes=19, device=device)
    wanted = dict.fromkeys([0, *(options.samples or (0, 5, 10, 15, 20))])
    methods = {samples: build(samples).to(device).train() for samples in wanted}
    cells = []
    for teacher in dict.fromkeys([0, *(options.teacher_samples or (0, 5))]):
        for student, method in methods.items():
            ours, full = (cell_step(method, batch, teacher, student, whole) for whole in (False, True))
            seconds = [median_seconds(step, repeats, device) for step in (ours, full)]
            peaks = [peak_bytes(step, device) for step in (ours, full)]
            cells.append(PassesCell(teacher, student, seconds[0], peaks[0], seconds[1], peaks[1]))
    last, shapes = cells[-1], f"{options.batch}x3x{size[0]}x{size[1]}, {repeats} steps on {device_name(device)}"
    threads = torch.get_num_threads()
    ratio = last.full_seconds / last.seconds
    found = (last.seconds, last.full_seconds, ratio, "s", same, shapes, threads, tuple(cells))
    return PassesResult("fotf-step", *found)


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "a processor"


def random_batch(count: int, size: tuple[int, ...], classes: int, device: torch.device) -> Labelled:
    """Returns images and labels of this size, drawn at random."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 3, *size, generator=generator).to(device)
    labels = torch.randint(classes, (count, *size), generator=generator).to(device)
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * count), torch.zeros(count, dtype=torch.bool))
    names = tuple(map(str, range(count)))
    return Labelled(names, images, Target(labels, torch.ones_like(labels, dtype=torch.float32)), crop)


def cell_step(method: Method, batch: Labelled, teacher: int, student: int, whole: bool) -> Step:
    """Returns a step with so many passes of the teacher beside those of the student, all in full if `whole`."""
    from benchmarks.fotf_step import in_full, training_step

    step = in_full(method, batch) if whole and student else training_step(method, batch)
    if not teacher:
        return step
    source = method.teacher
    assert isinstance(source, ClassTeacher)

    def sampled() -> Tensor:
        with observing(source, batch.images, teacher, whole):
            return step()

    return sampled


@contextmanager
def observing(teacher: ClassTeacher, images: Tensor, samples: int, whole: bool) -> Iterator[None]:
    """Lets the teacher make stochastic passes, too, whenever a method observes it."""
    plain, network = teacher.observe, teacher.network
    assert isinstance(network, Network)
    generator = torch.Generator(images.device).manual_seed(0)

    def observe(seen: Tensor, *more: Any) -> TeacherPass:
        found = plain(seen, *more)
        assert found.trunk is not None
        if whole:
            full_deviation(network, seen, samples)
        else:
            mc_deviation(network, found.trunk, samples, generator)
        return found

    with patch.object(teacher, "observe", observe):
        yield


@torch.no_grad()
def full_deviation(network: Network, images: Tensor, samples: int) -> Tensor:
    """σ of a frozen network over passes through the whole of it."""
    acting = [part for part in active_dropouts(network.head) if not part.training]
    for part in acting:
        part.training = True
    try:
        return running_mean_and_deviation([network(images).logits.softmax(dim=1) for _ in range(samples)])[1]
    finally:
        for part in acting:
            part.training = False


def median_seconds(step: Step, repeats: int, device: torch.device) -> float:
    """Median seconds of a step, after one to warm up: of the processor's time, or of the wait for a GPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time

    def timed() -> float:
        gc.collect()
        begin = clock()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - begin

    timed()
    return statistics.median(timed() for _ in range(repeats))


def peak_bytes(step: Step, device: torch.device) -> int:
    """Most bytes of tensors that were alive together in a step, without those from before."""
    if device.type != "cuda":
        with LiveBytes() as live:
            step()
        return int(live.peak)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def vanilla_or_sampled(student: str, samples: int, classes: Classes, teacher: ClassTeacher) -> Method:
    """Builds FOTF with so many passes of the student, or vanilla distillation for 0."""
    if samples:
        method = Method.build(Config(student=student, samples=samples), classes, seed=0)
    else:
        method = Method.build(Config(student=student, weigh_kd=False, weigh_task=False), classes, seed=0)
    method.teacher = teacher
    return method
