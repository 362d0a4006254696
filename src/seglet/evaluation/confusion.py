"""Confusion matrices of label maps, counted as fast as one thread allows.

Axes: k classes; any shape of pixels.
"""

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Int64, Integer
from torch import Tensor

from seglet.types import IGNORE

_CHUNK = 1 << 18  # pixels at a time: few enough for the cache, many enough to hide the cost of calls
_LANES = 8  # copies of the histogram, so that equal neighbours do not wait for each other's addition

LabelPixels = Integer[Tensor, "*pixels"] | Integer[np.ndarray, "*pixels"]


def confusion_matrix(pred: LabelPixels, labels: LabelPixels, num_classes: int) -> Int64[Tensor, "k k"]:
    """Counts the pixels of each true class (row) and predicted class (column).

    Pixels labelled IGNORE are not counted, whatever their prediction. Fastest on uint8; the result is on the CPU.

    Raises:
        ValueError: a value is neither a class nor IGNORE (the message names it), or shapes or types do not fit.
    """
    if not 1 <= num_classes <= IGNORE:
        raise ValueError(f"expected 1 to {IGNORE} classes, got {num_classes}")
    if tuple(pred.shape) != tuple(labels.shape):
        raise ValueError(f"prediction {tuple(pred.shape)} and labels {tuple(labels.shape)} differ in shape; resize one")
    columns, rows = _flat(pred, "predictions"), _flat(labels, "labels")
    cells = (num_classes + 1) * num_classes  # one more row, for IGNORE
    lanes = _LANES if _LANES * cells <= 1 << 15 else 1
    kind = torch.int16 if lanes * cells <= 1 << 15 else torch.int32
    size = min(_CHUNK, len(rows))
    lane = torch.arange(0, lanes * cells, cells, dtype=kind).repeat(size // lanes + 1)
    codes, addend = torch.empty(2, size, dtype=kind)
    counts = torch.zeros(lanes * cells, dtype=torch.int64)
    for start in range(0, len(rows), _CHUNK):
        row = _row(_wide(rows[start : start + _CHUNK]), num_classes)
        column = _column(_wide(columns[start : start + _CHUNK]), row, num_classes)
        code = codes[: len(row)].copy_(row)
        torch.add(lane[: len(row)], code, alpha=num_classes, out=code)
        counts += torch.bincount(code.add_(addend[: len(row)].copy_(column)), minlength=lanes * cells)
    return counts.view(lanes, num_classes + 1, num_classes).sum(0)[1:]


def _flat(pixels: LabelPixels, name: str) -> Tensor:
    if isinstance(pixels, np.ndarray):
        pixels = torch.from_numpy(np.require(pixels, requirements=["C", "W", "A"]))
    if pixels.is_floating_point() or pixels.is_complex():
        raise ValueError(f"expected {name} of whole numbers, got {pixels.dtype}; take argmax(dim=1) of logits first")
    return pixels.detach().cpu().reshape(-1)  # a byte a pixel is cheap to move


def _wide(values: Tensor) -> Tensor:
    """Returns bytes as they are and all else as int64, for which torch has every operation."""
    return values if values.dtype == torch.uint8 else values.to(torch.int64)


def _row(labels: Tensor, num_classes: int) -> Tensor:
    """Returns 0 for IGNORE and class + 1 otherwise, as uint8."""
    low, high = map(int, labels.aminmax())
    row = labels.to(torch.uint8) + 1  # wraps: IGNORE becomes 0
    if low < 0 or high > IGNORE or int(row.max()) > num_classes:
        stray = labels[(labels < 0) | ((labels >= num_classes) & (labels != IGNORE))]
        raise ValueError(
            f"labels hold {_listed(stray)}, neither a class (0 to {num_classes - 1}) nor {IGNORE} (ignored);"
            " check the class table with `seglet data check`"
        )
    return row


def _column(pred: Tensor, row: Tensor, num_classes: int) -> Tensor:
    """Returns the predicted class as uint8; 0 for void pixels whose prediction is no class."""
    low, high = map(int, pred.aminmax())
    if low < 0 or high >= num_classes:
        pred = pred.masked_fill(row == 0, 0)
        stray = pred[(pred < 0) | (pred >= num_classes)]
        if len(stray):
            raise ValueError(f"predictions hold {_listed(stray)}, but classes go from 0 to {num_classes - 1}")
    return pred.to(torch.uint8)


def _listed(values: Tensor) -> str:
    """Lists a few of the values and the number of pixels that have any of them."""
    distinct = np.unique(values.numpy()).tolist()
    return f"{', '.join(map(str, distinct[:5]))}{', …' if len(distinct) > 5 else ''} ({len(values)} pixels)"


def sum_over_processes(counts: Tensor) -> Tensor:
    """Returns the sum of a tensor of counts over all processes; a copy of it where torch.distributed does not run."""
    if not (dist.is_available() and dist.is_initialized()):
        return counts.clone()
    shared = counts.cuda() if dist.get_backend() == "nccl" else counts.clone()
    dist.all_reduce(shared)
    return shared.cpu()
