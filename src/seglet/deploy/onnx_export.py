"""A Segmenter as an ONNX graph: written, quantised to 8 bits, and compared with what it was made of."""

import contextlib
import importlib
import io
import json
import logging
import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from seglet.models.architecture import LEARNED_FROM_TAGS
from seglet.models.onnx_segmenter import _MISSING, IMAGES, LOGITS, ExportFacts
from seglet.models.segmenter import Segmenter

_FIXED_SIZE_HEADS = ("pspnet",)
"""Heads that pool to a grid whose cells depend on the size, which a graph for all sizes cannot say."""
_OPSET = 18
_EXAMPLE_SIZE = (96, 128)
LARGEST_DIFFERENCE = 1e-3
"""Of a probability, between PyTorch and the exported graph."""
LEAST_EQUAL = 0.999
"""Share of pixels that must get the same class."""


class _Graph(nn.Module):
    """What is exported: images to logits, at their size unless others have to read the head's own."""

    def __init__(self, model: Segmenter, whole: bool) -> None:
        super().__init__()
        self.model, self.whole = model, whole

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.model(images) if self.whole else self.model.network(images).logits
        return found


def export_facts(model: Segmenter, size: tuple[int, int] | None, weights: str) -> ExportFacts:
    """
    Raises:
        ValueError: this network has to be given a size.
    """
    head = model.architecture.head
    if size is None and head in _FIXED_SIZE_HEADS:
        raise ValueError(f"a {head} network is exported for one size of images; say which with --size H W")
    count = sum(parameter.numel() for parameter in model.parameters())
    return ExportFacts(model.architecture, model.classes, size, head not in LEARNED_FROM_TAGS, count, weights)


def write_graph(model: Segmenter, facts: ExportFacts, file: Path) -> None:
    """Number, height and width of the images stay free, but for a given size.

    Raises:
        ValueError: onnx or onnxscript is missing, or this network cannot be said in ONNX.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        _library(name)
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
    """The exporter prints, logs and warns about its own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def write_metadata(file: Path, facts: ExportFacts, more: dict[str, Any]) -> None:
    """Writes what is known of the network, and `more` as JSON, into the file."""
    onnx = _library("onnx")
    graph = onnx.load(str(file))
    said = {**facts.as_metadata(), **{name: json.dumps(value) for name, value in more.items()}}
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, said)
    onnx.save(graph, str(file))


def quantise_graph(file: Path, target: Path, images: Sequence[Float[np.ndarray, "1 planes h w"]]) -> None:
    """Weights and activations in 8 bits; the range of the activations is that of these images."""
    quantization = _library("onnxruntime.quantization")
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
    """The one line that matters of what PyTorch's exporter says, or the first."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = text.rpartition("Exception summary")[2].strip().splitlines() or [type(error).__name__]
    return lines[0]


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(_MISSING.replace("onnxruntime", name.partition(".")[0])) from error


@dataclass(frozen=True)
class Parity:
    """How an exported graph differs from the network at one size (h, w): of probabilities, and of labels.

    `difference` is the largest of all pixels and classes, `equal` the share of pixels of the same class.
    """

    size: tuple[int, int]
    images: int
    difference: float
    equal: float

    @property
    def holds(self) -> bool:
        return self.difference <= LARGEST_DIFFERENCE and self.equal >= LEAST_EQUAL


LogitsFunction = Callable[[Tensor], Tensor]


@torch.inference_mode()
def compare_networks(
    original: LogitsFunction,
    exported: LogitsFunction,
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    size: tuple[int, int],
    planes: int = 3,
) -> Parity:
    """Both give logits; the images are brought to `size`, and two of them go in at once if there are two."""
    batch = torch.cat([resized_example(image, size, planes) for image in images])
    differences, equal = [], []
    for part in torch.split(batch, 2):
        one, two = original(part).softmax(1), exported(part).softmax(1)
        differences.append(float((one - two).abs().max()) if bool(two.isfinite().all()) else float("inf"))
        equal.append((one.argmax(1) == two.argmax(1)).float().mean(dim=(1, 2)))
    return Parity(size, len(batch), max(differences), float(torch.cat(equal).mean()))


def resized_example(
    image: UInt8[np.ndarray, "_ _ 3"], size: tuple[int, int], planes: int = 3
) -> Float[Tensor, "1 planes h w"]:
    """The image as a network takes it; brightness stands in for depth, as any depth will do to compare two networks."""
    small = np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    colours = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    return colours if planes == 3 else torch.cat([colours, colours.mean(dim=1, keepdim=True)], dim=1)


def median_milliseconds(run: LogitsFunction, size: tuple[int, int], planes: int = 3, repeats: int = 5) -> float:
    """Median time of one image, after one to warm up."""
    image = torch.rand(1, planes, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        run(image)
        return 1000 * statistics.median(_seconds(run, image) for _ in range(repeats))


def _seconds(run: LogitsFunction, image: Tensor) -> float:
    begin = time.perf_counter()
    run(image)
    return time.perf_counter() - begin
