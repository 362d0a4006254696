"""Time and peak memory of a run's phases: offline, what `seglet prepare` makes, and online, the training itself.

An offline result's cost is kept in `costs/NAME-KEY-RANK.json` beside it, one file for each process that made a part.
"""

import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from seglet import files
from seglet.engine.console import format_duration

_FOLDER = "costs"


def device_name(device: torch.device) -> str:
    """Returns the name of a GPU, or of the machine's processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return device.type if device.type != "cpu" else f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"


def peak_memory(device: torch.device) -> int | None:
    """Returns the most memory in bytes that this process has taken on the device, or None where that is not counted.

    On a GPU it is the memory of tensors, on a processor that of the whole process since its start.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


@dataclass(frozen=True)
class PhaseCost:
    """Seconds that a phase took, the most memory in bytes (None if not counted), and the device.

    Memory of a GPU is that of tensors, of a processor that of the whole process since its start.
    """

    seconds: float
    peak_memory: int | None
    device: str

    def after(self, earlier: "PhaseCost | None") -> "PhaseCost":
        """Returns the cost of an earlier part and this one, one after the other."""
        if earlier is None:
            return self
        peaks = [each.peak_memory for each in (earlier, self) if each.peak_memory is not None]
        return PhaseCost(earlier.seconds + self.seconds, max(peaks, default=None), self.device)

    def text(self) -> str:
        """Returns the cost as text: 35 min, at most 4.8 GiB on a GPU's name."""
        memory = "" if self.peak_memory is None else f", at most {self.peak_memory / 2**30:.1f} GiB"
        return f"{format_duration(self.seconds)}{memory} on {self.device}"


class PhaseTimer:
    """Measures what passes from its start on; the peak of a GPU's memory begins anew."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.begin = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def cost(self) -> PhaseCost:
        """Returns the cost so far."""
        return PhaseCost(time.perf_counter() - self.begin, peak_memory(self.device), device_name(self.device))


def read_cost(values: Any) -> PhaseCost | None:
    """Returns a cost from JSON; None if it holds none."""
    try:
        return PhaseCost(**values)
    except TypeError:
        return None


@contextmanager
def noted_cost(folder: Path, device: torch.device, rank: int = 0) -> Iterator[None]:
    """Adds the cost of what happens inside to that of an offline result, also after an interruption.

    A folder that cannot be written keeps none.
    """
    timer = PhaseTimer(device)
    try:
        yield
    finally:
        file = folder.parent / _FOLDER / f"{folder.name}-{rank}.json"
        try:
            before = read_cost(files.read_json(file)) if file.is_file() else None
            files.write_json(file, asdict(timer.cost().after(before)))
        except (OSError, ValueError):
            pass


def offline_costs(folders: Mapping[str, Path]) -> dict[str, PhaseCost]:
    """Returns what each offline result cost by its name: of several processes the longest time and the largest peak."""
    found: dict[str, PhaseCost] = {}
    for name, folder in folders.items():
        parts = [read_cost(_read(file)) for file in sorted((folder.parent / _FOLDER).glob(f"{folder.name}-*.json"))]
        known = [part for part in parts if part is not None]
        if known:
            peaks = [part.peak_memory for part in known if part.peak_memory is not None]
            found[name] = PhaseCost(max(part.seconds for part in known), max(peaks, default=None), known[0].device)
    return found


def total_cost(parts: Iterable[PhaseCost]) -> PhaseCost | None:
    """Returns the cost of parts that were made one after the other; None of no parts."""
    whole: PhaseCost | None = None
    for part in parts:
        whole = part.after(whole)
    return whole


def _read(file: Path) -> Any:
    try:
        return files.read_json(file)
    except (OSError, ValueError):
        return None
