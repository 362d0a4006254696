"""What `seglet doctor` looks at: one function each."""

import math
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

GIB = 2**30
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?")

State = Literal["ok", "optional", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `optional` things are lacking without harm; `cure` says how to have them."""

    name: str
    state: State
    what: str
    cure: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok      ", "optional": "optional", "broken": "BROKEN  "}[self.state]
        return f"{mark}  {self.name:<14} {self.what}" + (f"\n{'':<26}{self.cure}" if self.cure else "")


def versions() -> list[Finding]:
    """Python, seglet, and each package it cannot do without."""
    found = [Finding("python", "ok", f"{platform.python_version()} on {platform.platform()} at {sys.executable}")]
    for name in ("seglet", *requirements("")):
        version = installed(name)
        if version is None:
            found.append(Finding(name, "broken", "is not installed", "pip install seglet"))
        else:
            found.append(Finding(name, "ok", version))
    return found


def extras() -> list[Finding]:
    """What can be added, such as export and the hub."""
    names = metadata.metadata("seglet").get_all("Provides-Extra") or []
    found = []
    for extra in sorted(set(names) - {"dev", "docs"}):
        lacking = [name for name in requirements(extra) if installed(name) is None]
        if lacking:
            found.append(Finding(extra, "optional", f"lacks {', '.join(lacking)}", f'pip install "seglet[{extra}]"'))
        else:
            found.append(Finding(extra, "ok", "installed"))
    return found


def requirements(extra: str) -> list[str]:
    """Names of the packages that seglet needs (`""`) or that an extra adds."""
    matches = [REQUIREMENT.fullmatch(line) for line in metadata.requires("seglet") or []]
    return [match["name"] for match in matches if match and (match["extra"] or "") == extra]


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def devices() -> list[Finding]:
    """Every device, with a small sum done on it."""
    import torch

    from seglet.inference import models

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    found = [Finding("torch build", "ok", f"{build}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")]
    for name in models.available_devices():
        try:
            total = float(torch.ones(64, 64, device=name).mm(torch.ones(64, 64, device=name)).sum())
        except RuntimeError as error:
            cure = "install a torch that fits driver and device, see pytorch.org"
            found.append(Finding(name, "broken", str(error).splitlines()[0], cure))
        else:
            right = total == 64**3
            found.append(Finding(name, "ok" if right else "broken", _describe(name) if right else "adds up wrongly"))
    return found


def _describe(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return "computes"
    card = torch.cuda.get_device_properties(device)
    return f"{card.name}, {card.total_memory / GIB:.0f} GiB"


def disk() -> list[Finding]:
    """Whether runs, temporary files and what is computed once can be written, and how much room there is."""
    from seglet.data.files import user_cache_folder

    folders = {"here": Path.cwd(), "temporary": Path(tempfile.gettempdir()), "cache": user_cache_folder()}
    return [_folder(name, folder) for name, folder in folders.items()]


def _folder(name: str, folder: Path) -> Finding:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / GIB
    what = f"{folder}: {free:.1f} GiB free"
    if not os.access(there, os.W_OK):
        cure = "set SEGLET_CACHE to a folder of yours" if name == "cache" else "work in a folder of yours"
        return Finding(name, "optional", f"{what}, but it cannot be written", cure)
    if free < 1:
        return Finding(name, "optional", what, "training keeps checkpoints: free some space")
    return Finding(name, "ok", what)


def world() -> list[Finding]:
    """One training step and one prediction of a small network on the embedded world."""
    import torch

    from seglet.data.augment.geometry import whole_image
    from seglet.data.world.dataset import World
    from seglet.models.architecture import Architecture
    from seglet.models.segmenter import build

    began = time.perf_counter()
    data = World("test", scenes=2, size=64)
    model = build(Architecture("deeplabv3-resnet18", width=0.125), data.classes)
    samples = [whole_image(data.read(index)) for index in range(2)]
    labels = torch.stack([torch.from_numpy(label).long() for _, label in samples if label is not None])
    loss = torch.nn.functional.cross_entropy(model(torch.stack([image for image, _ in samples])), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    seen = model.predict(data.read(0).image)
    slope = sum(float(p.grad.abs().sum()) for p in model.network.backbone.parameters() if p.grad is not None)
    sound = math.isfinite(float(loss.detach())) and 0 < slope < math.inf and seen.labels.shape == (64, 64)
    what = f"a training step and a prediction took {time.perf_counter() - began:.2f} s"
    return [Finding("world", "ok" if sound else "broken", what if sound else "training gives no sound numbers")]


EXAMINATIONS = (versions, extras, devices, disk, world)
