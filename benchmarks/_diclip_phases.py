"""Time and peak memory of each of DiCLIP's phases, per image: what the paper's Table X is made of."""

import argparse
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks._diclip import step
from benchmarks._harness import Result
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.phase_cost import peak_memory
from seglet.methods.diclip import Config, Method
from seglet.methods.diclip.attention import AttentionColumn
from seglet.models.foundation.image_generator import GenerationRecipe, ImageGenerator
from seglet.models.foundation.loading import dtype_on_device
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.types import Progress

_PEAK_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
Found = TypeVar("Found")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phases", action="store_true", help="measure each phase, instead of a step with two ways")
    parser.add_argument("--device", default="cpu", help="device of the phases (default cpu)")
    parser.add_argument("--denoising-steps", type=int, default=30, help="of a generated image (default 30)")


@dataclass(frozen=True)
class PhaseResult(Result):
    """`ours` is a step of the online phase, `rival` the offline attention of an image; `phases` has all of them."""

    phases: tuple[tuple[str, float, float], ...] = ()

    def details(self) -> str:
        """Returns a line on each phase: seconds and GiB."""
        return "\n".join(f"  {name}: {seconds:.3g} s, at most {gib:.3g} GiB" for name, seconds, gib in self.phases)


def measure_phases(config: Config, side: int, options: argparse.Namespace) -> PhaseResult:
    """Measures each phase once, after the one before has freed its models; all images are squares of this side."""
    device = torch.device(options.device)
    sample = World("train", size=side).read(0)
    phases = []
    compute = AttentionColumn(config).load(device)
    column, taken = _timed("offline, attention of an image", lambda: compute([sample])[0], device)
    phases.append(taken)
    del compute
    dtype = dtype_on_device(config.generator_dtype, device)
    generator = ImageGenerator(StableDiffusion.load(config.generator, dtype=dtype).to(device))
    recipe = GenerationRecipe(options.denoising_steps, config.generator_guidance)
    name = f"offline, an image of the cache, {recipe.steps} denoising steps"
    phases.append(_timed(name, lambda: generator.generate([config.generator_prompt], [0], recipe), device)[1])
    del generator
    method = Method.build(replace(config, cache_from="none"), WORLD_CLASSES, seed=0).to(device).train()
    batch = step([sample], torch.from_numpy(column)[None]).to(device)

    def train() -> None:
        method.losses(batch, Progress(0, 10)).total.backward()  # type: ignore[no-untyped-call]

    train()
    phases.append(_timed("online, a view, forward and backward", train, device)[1])
    student = method.student.eval()
    with torch.inference_mode():
        phases.append(_timed("inference, an image", lambda: student(batch.images), device)[1])
    shapes, threads = f"images of {side} x {side} on {options.device}", torch.get_num_threads()
    ours, rival = phases[2][1], phases[0][1]
    return PhaseResult("diclip-phases", ours, rival, rival / ours, "s", True, shapes, threads, tuple(phases))


def _timed(name: str, call: Callable[[], Found], device: torch.device) -> tuple[Found, tuple[str, float, float]]:
    """Calls once; returns the result, and name, seconds and the peak of memory in GiB, which begins anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _PEAK_RESET.exists():
        _PEAK_RESET.write_text("5")  # Linux: the peak of the process begins anew
    begin = time.perf_counter()
    found = call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return found, (name, time.perf_counter() - begin, _peak(device) / 2**30)


def _peak(device: torch.device) -> int:
    """Returns the peak in bytes since it was reset; that of the process since its start where it cannot be."""
    if device.type != "cuda" and _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    return peak_memory(device) or 0
