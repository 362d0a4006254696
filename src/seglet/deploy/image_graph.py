"""An exported graph with its pre- and post-processing inside: from images of bytes to class ids.

Axes: n images, h rows, w columns, k classes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from seglet.deploy.onnx_graph import onnx_library
from seglet.deploy.parity import Parity
from seglet.files import SEAL
from seglet.models.image_tensor import SMALLEST_SIDE
from seglet.models.onnx_segmenter import (
    IMAGES,
    LABELS_FORMAT,
    LOGITS,
    UNSEALED,
    ExportFacts,
    open_onnx_session,
    seal_onnx_file,
)
from seglet.models.segmenter import Segmenter

LABELS, CONFIDENCE = "labels", "confidence"
"""Names of the outputs."""
_PLANES = "seglet_planes"
"""Name of what the network takes, inside the graph."""
_SMALL = (20, 45)
"""A compared size below the smallest side that networks take, which the graph has to pad."""


def check_exportable_whole(facts: ExportFacts) -> None:
    """Checks that a network maps colours alone to masks.

    Raises:
        ValueError: it takes depth or measured channels, or its logits are not yet masks.
    """
    if facts.architecture.channels is not None:
        raise ValueError("a network of measured channels takes stored values, not bytes; leave out --with-preprocess")
    if facts.planes != 3:
        raise ValueError("a network that takes depth cannot have its preprocessing inside; leave out --with-preprocess")
    if not facts.whole:
        raise ValueError(f"the logits of {facts.architecture.name} are not yet masks; distil it first, or leave out "
                         "--with-preprocess")  # fmt: skip


def write_image_graph(file: Path, target: Path, facts: ExportFacts, confidence: bool) -> None:
    """Writes the graph of an exported file around: uint8 [n, h, w, 3] to labels, uint8 [n, h, w].

    Small images are padded by repetition, as `seglet predict` does. With `confidence` the probability of the label of
    each pixel is a second output, float32 [n, h, w].
    """
    onnx = onnx_library("onnx")
    model = onnx.load(str(file))
    graph = model.graph
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == IMAGES:
                node.input[place] = _PLANES
    network = list(graph.node)
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend([*_before(onnx, facts.size is None), *network, *_behind(onnx, confidence)])
    graph.initializer.extend(_constants(onnx))
    rows, columns = facts.size or ("height", "width")
    kinds = onnx.TensorProto
    size = ["number", rows, columns]
    graph.input.append(onnx.helper.make_tensor_value_info(IMAGES, kinds.UINT8, [*size, 3]))
    graph.output.append(onnx.helper.make_tensor_value_info(LABELS, kinds.UINT8, size))
    if confidence:
        graph.output.append(onnx.helper.make_tensor_value_info(CONFIDENCE, kinds.FLOAT, size))
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _before(onnx: Any, free: bool) -> list[Any]:
    """Returns the nodes from bytes to planes in [0, 1], padded at right and bottom where the size is free."""
    node = onnx.helper.make_node
    planes = "seglet_colours" if free else _PLANES
    nodes = [
        node("Cast", [IMAGES], ["seglet_floats"], to=onnx.TensorProto.FLOAT),
        node("Div", ["seglet_floats", "seglet_white"], ["seglet_unit"]),
        node("Transpose", ["seglet_unit"], [planes], perm=[0, 3, 1, 2]),
        node("Shape", [IMAGES], ["seglet_size"], start=1, end=3),
    ]
    if free:
        nodes += [
            node("Sub", ["seglet_least", "seglet_size"], ["seglet_lacking"]),
            node("Max", ["seglet_lacking", "seglet_none"], ["seglet_added"]),
            node("Concat", ["seglet_none", "seglet_added"], ["seglet_pads"], axis=0),
            node("Pad", [planes, "seglet_pads", "", "seglet_sides"], [_PLANES], mode="edge"),
        ]
    return nodes


def _behind(onnx: Any, confidence: bool) -> list[Any]:
    """Returns the nodes from logits to labels at the size of the images."""
    node = onnx.helper.make_node
    nodes = [
        node("Slice", [LOGITS, "seglet_none", "seglet_size", "seglet_sides"], ["seglet_cut"]),
        node("ArgMax", ["seglet_cut"], ["seglet_ids"], axis=1, keepdims=0),
        node("Cast", ["seglet_ids"], [LABELS], to=onnx.TensorProto.UINT8),
    ]
    if confidence:
        nodes += [
            node("Softmax", ["seglet_cut"], ["seglet_probabilities"], axis=1),
            node("ReduceMax", ["seglet_probabilities", "seglet_classes"], [CONFIDENCE], keepdims=0),
        ]
    return nodes


def _constants(onnx: Any) -> list[Any]:
    values = {
        "seglet_white": np.float32(255), "seglet_least": np.array([SMALLEST_SIDE] * 2), "seglet_none": np.array([0, 0]),
        "seglet_sides": np.array([2, 3]), "seglet_classes": np.array([1]),
    }  # fmt: skip
    return [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]


def compare_image_graph(
    file: Path, model: Segmenter, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], facts: ExportFacts, sizes: Sequence[Any]
) -> list[Parity]:
    """Compares the labels, and the confidence if there is one, with those of the network at each size."""
    session = open_onnx_session(file)
    names = [output.name for output in session.get_outputs()]
    some = [*sizes, _SMALL] if facts.size is None else list(sizes)
    return [_parity(session, names, model, images, size) for size in some]


def _parity(
    session: Any, names: list[str], model: Segmenter, images: Sequence[np.ndarray], size: tuple[int, int]
) -> Parity:
    batch = np.stack([np.array(Image.fromarray(image).resize(size[::-1])) for image in images])
    differences, equal = [0.0], []
    for begin in range(0, len(batch), 2):
        part = batch[begin : begin + 2]
        found = dict(zip(names, session.run(names, {IMAGES: part}), strict=True))
        for place, image in enumerate(part):
            expected = model.predict(image)
            equal.append(float((found[LABELS][place] == expected.labels).mean()))
            if CONFIDENCE in found:
                differences.append(_largest_difference(found[CONFIDENCE][place], expected.confidence))
    return Parity(size, len(batch), max(differences), float(np.mean(equal)))


def _largest_difference(one: Float[np.ndarray, "h w"], other: Float[np.ndarray, "h w"]) -> float:
    return float(np.abs(one - other).max()) if np.isfinite(one).all() else float("inf")


def describe_image_graph(file: Path, facts: ExportFacts, more: dict[str, Any]) -> None:
    """Writes into the metadata of the file what it takes, its classes, and `more` as JSON."""
    onnx = onnx_library("onnx")
    graph = onnx.load(str(file))
    said = facts.as_metadata()
    inside = {"layout": "NHWC", "colour": "RGB", "range": [0, 255], "type": "uint8", "inside": True}
    said |= {"format": LABELS_FORMAT, "preprocessing": json.dumps(inside)}
    said |= {name: json.dumps(value) for name, value in more.items()}
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, {**said, SEAL: UNSEALED})
    seal_onnx_file(file, graph.SerializeToString())
