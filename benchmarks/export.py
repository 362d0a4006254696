"""An exported student of at most 4 million parameters in onnxruntime against PyTorch, one image of 512x512."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks._harness import Result, side_by_side
from seglet.deploy.onnx_graph import export_facts, write_graph
from seglet.deploy.parity import LARGEST_DIFFERENCE
from seglet.models.architecture import Architecture
from seglet.models.onnx_segmenter import OnnxNetwork, open_onnx_session
from seglet.models.segmenter import build
from seglet.types import Classes

SIDE, CLASSES = 512, 21
STUDENT = Architecture("segformer-mit_b0")


def run() -> Result:
    torch.set_num_threads(2)
    names = tuple(map(str, range(CLASSES)))
    model = build(STUDENT, Classes(names, tuple((place, place, place) for place in range(CLASSES)))).eval()
    facts = export_facts(model, None, "")
    image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        file = Path(folder) / "student.onnx"
        write_graph(model, facts, file)
        exported = OnnxNetwork(open_onnx_session(file), facts)
        megabytes = file.stat().st_size / 1e6
        shapes = f"{STUDENT.name}, {facts.parameters / 1e6:.2f} M parameters, {megabytes:.1f} MB, 1x3x{SIDE}x{SIDE}"
        return side_by_side("export", lambda: exported(image).logits, lambda: model(image), same, shapes)


def same(ours: Tensor, theirs: Tensor) -> bool:
    """No probability differs, and of the labels hardly any."""
    near = (ours.softmax(1) - theirs.softmax(1)).abs().max() <= LARGEST_DIFFERENCE
    return bool(near) and bool((ours.argmax(1) == theirs.argmax(1)).float().mean() > 0.999)
