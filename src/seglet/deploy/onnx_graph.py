"""A segmenter as an ONNX graph: written, described in its metadata, and quantised to 8 bits."""

import contextlib
import importlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.files import SEAL
from seglet.models.architecture import LEARNED_FROM_TAGS
from seglet.models.onnx_segmenter import _MISSING, IMAGES, LOGITS, UNSEALED, ExportFacts, seal_onnx_file
from seglet.models.segmenter import Segmenter

_FIXED_SIZE_HEADS = ("pspnet",)
"""Heads that pool to a grid whose cells depend on the image size, which a graph for all sizes cannot express."""
_OPSET = 18
_EXAMPLE_SIZE = (96, 128)
"""Rows and columns of the images that a graph for all sizes is traced with."""


class _Graph(nn.Module):
    """The exported function: images to logits, at their size or, if they are read otherwise later, the head's own."""

    def __init__(self, model: Segmenter, whole: bool) -> None:
        super().__init__()
        self.model, self.whole = model, whole

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.model(images) if self.whole else self.model.network(images).logits
        return found


def export_facts(model: Segmenter, size: tuple[int, int] | None, weights: str) -> ExportFacts:
    """Returns what an exported file says of its network.

    Args:
        model: the segmenter to export.
        size: rows and columns of the images, if the graph is for one size.
        weights: hash of the weights.

    Raises:
        ValueError: a network of this head is exported for one size only.
    """
    head = model.architecture.head
    if size is None and head in _FIXED_SIZE_HEADS:
        raise ValueError(f"a {head} network is exported for one size of images; name it with --size H W")
    count = sum(parameter.numel() for parameter in model.parameters())
    return ExportFacts(model.architecture, model.classes, size, head not in LEARNED_FROM_TAGS, count, weights)


def write_graph(model: Segmenter, facts: ExportFacts, file: Path) -> None:
    """Writes the graph of a segmenter, for any number of images and, unless a size is given, any height and width.

    Raises:
        ValueError: onnx or onnxscript is missing, or ONNX cannot express this network.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        onnx_library(name)
    free = torch.export.Dim.DYNAMIC
    moving = {0: free} if facts.size is not None else {0: free, 2: free, 3: free}
    images = torch.rand(2, facts.planes, *(facts.size or _EXAMPLE_SIZE), generator=torch.Generator().manual_seed(0))
    try:
        with _quiet():
            program = torch.onnx.export(
                _Graph(model, facts.whole).eval(), (images,), None, input_names=[IMAGES], output_names=[LOGITS],
                dynamic_shapes={"images": moving}, dynamo=True, opset_version=_OPSET, verbose=False,
            )  # fmt: skip
            if program is None:
                raise RuntimeError("no program came out")
            program.save(str(file))
    except Exception as error:
        if isinstance(error, (MemoryError, KeyboardInterrupt)):
            raise
        cure = "" if facts.size else "; try one size with --size H W"
        raise ValueError(f"{model.architecture.name} cannot be exported ({exporter_message(error)}){cure}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter, which prints, logs and warns about its own internals."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def write_metadata(file: Path, facts: ExportFacts, more: dict[str, Any]) -> None:
    """Writes the facts, and `more` as JSON, into the metadata of the file."""
    onnx = onnx_library("onnx")
    graph = onnx.load(str(file))
    said = {**facts.as_metadata(), **{name: json.dumps(value) for name, value in more.items()}}
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, {**said, SEAL: UNSEALED})
    seal_onnx_file(file, graph.SerializeToString())


def quantise_graph(file: Path, target: Path, images: Sequence[Float[np.ndarray, "1 planes h w"]]) -> None:
    """Writes the graph with weights and activations in 8 bits; the images decide the range of the activations."""
    quantization = onnx_library("onnxruntime.quantization")
    given = iter(images)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(given, None)
            return None if image is None else {IMAGES: image}

    with _quiet():
        quantization.quantize_static(
            str(file), str(target), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
        )  # fmt: skip


def exporter_message(error: Exception) -> str:
    """Returns the summary line of an error of PyTorch's exporter, or its first line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = text.rpartition("Exception summary")[2].strip().splitlines() or [type(error).__name__]
    return lines[0]


def onnx_library(name: str) -> Any:
    """Imports a package of the extra `export`.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(_MISSING.replace("onnxruntime", name.partition(".")[0])) from error
