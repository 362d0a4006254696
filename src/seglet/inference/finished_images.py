"""Images that an interrupted job has finished, written down as they come, from which the same job goes on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import nn

from seglet.files import content_hash, delete_path, write_text
from seglet.inference.inputs import ImageFile

PREDICTION_JOURNAL = "predictions.partial.jsonl"
"""Name of the file in the folder of results; it is gone when the job is finished."""

_RESULTS = ("mask", "overlay", "confidence", "uncertainty", "scores", "explained", "image", "polygons")
"""Entries that name a file, relative to the folder of results."""


class FinishedImages:
    """The journal of a job: a line with the key of the job, then one for each finished image.

    What is in it counts if its image is unchanged by size and time, and its results are there. A line that was cut
    short by a crash does not count.
    """

    def __init__(self, out: Path, key: Mapping[str, Any]) -> None:
        self.out = out
        self.key = content_hash(json.dumps(key, sort_keys=True, default=str).encode())

    @property
    def of_this_job(self) -> bool:
        """True if the journal is there and was written by a job of the same model, options and classes."""
        lines = self._lines()
        return bool(lines) and lines[0].get("job") == self.key

    def outcomes(self, images: Sequence[ImageFile]) -> dict[str, dict[str, Any]]:
        """Returns what was made of the finished ones among the images, by their names."""
        if not self.of_this_job:
            return {}
        known = {(line.get("name"), line.get("source")): line for line in self._lines()[1:]}
        found = {}
        for image in images:
            line = known.get((image.name, str(image.path)))
            if line is not None and line["stamp"] == _stamp(image) and self._is_there(line["made"]):
                found[image.name] = line["made"]
        return found

    def __enter__(self) -> "FinishedImages":
        """Begins or continues the journal."""
        lines = self._lines() if self.of_this_job else [{"job": self.key}]
        write_text(self.out / PREDICTION_JOURNAL, "".join(f"{json.dumps(line)}\n" for line in lines))
        self._file = (self.out / PREDICTION_JOURNAL).open("a", encoding="utf-8")
        return self

    def add(self, image: ImageFile, made: Mapping[str, Any]) -> None:
        """Writes down an image whose results have been written."""
        line = {"name": image.name, "source": str(image.path), "stamp": _stamp(image), "made": made}
        self._file.write(f"{json.dumps(line)}\n")
        self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the journal, which stays until `remove`."""
        self._file.close()

    def remove(self) -> None:
        """Deletes the journal: the record of the job says all."""
        delete_path(self.out / PREDICTION_JOURNAL)

    def _is_there(self, made: Mapping[str, Any]) -> bool:
        return all((self.out / made[kind]).exists() for kind in _RESULTS if kind in made)

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = (self.out / PREDICTION_JOURNAL).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        lines = []
        for row in text.splitlines():
            try:
                line = json.loads(row)
            except ValueError:
                continue
            if isinstance(line, dict):
                lines.append(line)
        return lines


def state_hash(network: nn.Module) -> str:
    """Returns a hash of all parameters and buffers of a network, frozen ones too, which its state leaves out."""
    digest = hashlib.sha256()
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _stamp(image: ImageFile) -> list[int]:
    """Returns size and time of an image file; nothing for one that is drawn."""
    if image.draw is not None:
        return []
    try:
        status = image.path.stat()
    except OSError:
        return [-1]
    return [status.st_size, status.st_mtime_ns]
