"""Segmenters in ONNX files: the metadata beside the graph, and a network that onnxruntime runs."""

import hashlib
import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.files import SEAL
from seglet.models.architecture import Architecture
from seglet.models.image_tensor import SMALLEST_SIDE
from seglet.models.network import Embedding, Network, NetworkOutput
from seglet.models.segmenter import Segmenter
from seglet.tensors import resize_antialiased
from seglet.types import Classes

ONNX_SUFFIX = ".onnx"
_FORMAT = "seglet-onnx"
LABELS_FORMAT = "seglet-onnx-uint8"
"""Format of files whose graph gives labels, for programs without seglet."""
_VERSION = "1"
IMAGES, LOGITS = "images", "logits"
"""Names of the graph's input and output."""
_MISSING = "an exported file needs onnxruntime; run `pip install seglet[export]`"


@dataclass(frozen=True)
class ExportFacts:
    """Metadata of an exported file.

    Args:
        size: the only (h, w) that it takes; None if it takes any.
        whole: whether logits have the size of the images; those of networks that learned from tags have that of the
        head.
        parameters: number of parameters of the network.
    """

    architecture: Architecture
    classes: Classes
    size: tuple[int, int] | None
    whole: bool
    parameters: int
    weights: str

    @property
    def planes(self) -> int:
        """Number of channels of an image: red, green, blue or its own and, for networks that take depth, depth."""
        return self.architecture.image_channels

    def _colours(self) -> dict[str, Any]:
        channels = self.architecture.channels
        if channels is None:
            return {"colour": "RGB", "range": [0, 1]}
        return {"colour": [channel.name for channel in channels], "range": "stored values"}

    def as_metadata(self) -> dict[str, str]:
        """Returns the metadata of an exported file."""
        table = [{"name": n, "colour": c} for n, c in zip(self.classes.names, self.classes.colours, strict=True)]
        architecture = self.architecture.as_dict()
        preprocessing = {
            "layout": "NCHW", **self._colours(), "smallest_side": SMALLEST_SIDE, "planes": self.planes,
            "normalised_inside": {name: architecture[name] for name in ("mean", "std", "bgr")},
        }  # fmt: skip
        values = {
            "architecture": architecture, "classes": table, "preprocessing": preprocessing, "size": self.size,
            "whole": self.whole, "parameters": self.parameters, "weights": self.weights,
        }  # fmt: skip
        said = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
        return {"format": _FORMAT, "version": _VERSION, **said}

    @classmethod
    def from_metadata(cls, said: dict[str, str], file: Path) -> "ExportFacts":
        """Reads the metadata of an exported file.

        Raises:
            ValueError: it is no export of ours, gives no logits, or is of another version.
        """
        if said.get("format") == LABELS_FORMAT:
            raise ValueError(f"{str(file)!r} gives labels of images of bytes, for programs without seglet; give the "
                             "file beside it, without .uint8")  # fmt: skip
        if said.get("format") != _FORMAT:
            raise ValueError(f"{str(file)!r} was not written by `seglet export`, so its classes are not known")
        if said.get("version") != _VERSION:
            raise ValueError(
                f"{str(file)!r} has version {said.get('version')!r}, this seglet reads {_VERSION}; update it"
            )
        try:
            known = {
                name: json.loads(said[name]) for name in ("architecture", "classes", "size", "whole", "parameters")
            }
            table = known["classes"]
            colours = tuple((int(r), int(g), int(b)) for r, g, b in (entry["colour"] for entry in table))
            size = None if known["size"] is None else (int(known["size"][0]), int(known["size"][1]))
            architecture = Architecture.from_dict(known["architecture"])
            classes = Classes(tuple(entry["name"] for entry in table), colours)
            weights = str(json.loads(said["weights"]))
            return cls(architecture, classes, size, bool(known["whole"]), int(known["parameters"]), weights)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise ValueError(f"{str(file)!r} has damaged metadata ({error!r}); export it again") from error


class OnnxNetwork(Network):
    """An ONNX graph in place of backbone and head. It has no gradients, and no dropout for Monte-Carlo samples."""

    def __init__(self, session: Any, facts: ExportFacts) -> None:
        nn.Module.__init__(self)
        self.session = session
        self.facts = facts
        self.place = nn.Parameter(torch.empty(0), requires_grad=False)  # tells the device, as weights would

    def embed(self, images: Float[Tensor, "b planes h w"]) -> Embedding:
        raise ValueError("an exported network has no dropout left for Monte-Carlo samples; use the one it was made of")

    def forward(self, images: Float[Tensor, "b planes h w"]) -> NetworkOutput:
        size = self.facts.size
        if size is not None:
            images = resize_antialiased(images, size)
        given = np.ascontiguousarray(images.detach().float().cpu().numpy())
        logits = torch.from_numpy(self.session.run([LOGITS], {IMAGES: given})[0]).to(images.device)
        return NetworkOutput(logits, logits, None)


def open_onnx_session(file: Path, threads: int | None = None) -> Any:
    """Opens an onnxruntime session on the CPU, with as many threads as torch has unless `threads` is given.

    Raises:
        ValueError: onnxruntime is missing, or cannot read the file.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ValueError(_MISSING) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ValueError(f"{str(file)!r} cannot be opened by onnxruntime ({error}); export it again") from error


UNSEALED = "0" * 64
"""Stands for the hash of the file while it is computed; the file's size does not change with it."""
_STAMP = re.compile(rb"([^\x12]{%d})\x12@([0-9a-f]{64})" % len(SEAL))
"""The hash in an ONNX file: a key, the tag and the length of its value, and the value."""


def seal_onnx_file(file: Path, content: bytes) -> None:
    """Writes an ONNX file whose metadata have the hash of all the rest; the content has zeros in its place."""
    digest = hashlib.sha256(content).hexdigest()
    named = SEAL.encode() + b"\x12@"
    file.write_bytes(content.replace(named + UNSEALED.encode(), named + digest.encode(), 1))


def _check_onnx_seal(file: Path) -> None:
    """Checks that a file is what was written, before anything else reads it; files of older versions have no hash.

    Raises:
        ValueError: it is not.
    """
    content = file.read_bytes()
    for found in _STAMP.finditer(content):
        key = found[1].decode("latin-1")
        if sum(a != b for a, b in zip(key, SEAL, strict=True)) < 3:
            whole = content[: found.start(2)] + UNSEALED.encode() + content[found.end(2) :]
            if key == SEAL and hashlib.sha256(whole).hexdigest().encode() == found[2]:
                return
            raise ValueError(f"{str(file)!r} is damaged (its hash differs); copy or export it again")


def load_exported(file: Path) -> Segmenter:
    """Loads the segmenter in an ONNX file that `seglet export` wrote; onnxruntime runs it, on the CPU.

    Raises:
        ValueError: the file is missing, none of ours, damaged, or onnxruntime is not installed.
    """
    if not file.is_file():
        raise ValueError(f"there is no file {str(file)!r}; check the path")
    _check_onnx_seal(file)
    session = open_onnx_session(file)
    facts = ExportFacts.from_metadata(dict(session.get_modelmeta().custom_metadata_map), file)
    return Segmenter(OnnxNetwork(session, facts), facts.classes, facts.architecture).eval()


def parameter_count(model: Segmenter) -> int:
    """Returns the number of parameters of a segmenter's network, also of an exported one."""
    facts = read_export_facts(model)
    return sum(parameter.numel() for parameter in model.parameters()) if facts is None else facts.parameters


def read_export_facts(model: Segmenter) -> ExportFacts | None:
    """Returns the metadata of an exported segmenter; None for others."""
    network: object = model.network
    return network.facts if isinstance(network, OnnxNetwork) else None
