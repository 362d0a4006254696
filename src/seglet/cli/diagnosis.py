"""Checks of `seglet doctor`, a function for each."""

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

_GIB = 2**30
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?")

FindingState = Literal["ok", "optional", "broken"]


@dataclass(frozen=True)
class Finding:
    """Result of a check. `optional` things may be missing; `cure` says how to install or repair them."""

    name: str
    state: FindingState
    what: str
    cure: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok      ", "optional": "optional", "broken": "BROKEN  "}[self.state]
        return f"{mark}  {self.name:<14} {self.what}" + (f"\n{'':<26}{self.cure}" if self.cure else "")


def check_versions() -> list[Finding]:
    """Checks Python, seglet and the packages it requires."""
    found = [Finding("python", "ok", f"{platform.python_version()} on {platform.platform()} at {sys.executable}")]
    for name in ("seglet", *required_packages("")):
        version = installed_version(name)
        if version is None:
            found.append(Finding(name, "broken", "is not installed", "pip install seglet"))
        else:
            found.append(Finding(name, "ok", version))
    return found


def check_extras() -> list[Finding]:
    """Checks the extras, such as export and hub."""
    names = metadata.metadata("seglet").get_all("Provides-Extra") or []
    found = []
    for extra in sorted(set(names) - {"dev", "docs"}):
        missing = [name for name in required_packages(extra) if installed_version(name) is None]
        if missing:
            found.append(Finding(extra, "optional", f"lacks {', '.join(missing)}", f'pip install "seglet[{extra}]"'))
        else:
            found.append(Finding(extra, "ok", "installed"))
    return found


def required_packages(extra: str) -> list[str]:
    """Returns the packages that seglet requires (`""`) or that an extra adds."""
    matches = [_REQUIREMENT.fullmatch(line) for line in metadata.requires("seglet") or []]
    return [match["name"] for match in matches if match and (match["extra"] or "") == extra]


def installed_version(name: str) -> str | None:
    """Returns the version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_devices() -> list[Finding]:
    """Checks every device with a small product of matrices."""
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
            correct = total == 64**3
            what = _describe_device(name) if correct else "computes wrong results"
            found.append(Finding(name, "ok" if correct else "broken", what))
    return found


def _describe_device(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return "computes"
    card = torch.cuda.get_device_properties(device)
    return f"{card.name}, {card.total_memory / _GIB:.0f} GiB"


def check_folders() -> list[Finding]:
    """Checks that the working, temporary and cache folders can be written, and their free space."""
    from seglet.files import user_cache_folder

    found = [_folder("here", Path.cwd()), _folder("temporary", Path(tempfile.gettempdir()))]
    try:
        return [*found, _folder("cache", user_cache_folder())]
    except ValueError as error:
        return [*found, Finding("cache", "optional", str(error), "set SEGLET_CACHE to a folder of yours")]


def _folder(name: str, folder: Path) -> Finding:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / _GIB
    what = f"{folder}: {free:.1f} GiB free"
    if not os.access(there, os.W_OK):
        cure = "set SEGLET_CACHE to a folder of yours" if name == "cache" else "work in a folder of yours"
        return Finding(name, "optional", f"{what}, but it cannot be written", cure)
    if free < 1:
        return Finding(name, "optional", what, "training keeps checkpoints: free some space")
    return Finding(name, "ok", what)


def check_training() -> list[Finding]:
    """Checks a training step and a prediction of a small network on the embedded world."""
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
    predicted = model.predict(data.read(0).image)
    slope = sum(float(p.grad.abs().sum()) for p in model.network.backbone.parameters() if p.grad is not None)
    finite = math.isfinite(float(loss.detach())) and 0 < slope < math.inf and predicted.labels.shape == (64, 64)
    what = f"a training step and a prediction took {time.perf_counter() - began:.2f} s"
    return [Finding("world", "ok" if finite else "broken", what if finite else "training gives no finite numbers")]


CHECKS = (check_versions, check_extras, check_devices, check_folders, check_training)
