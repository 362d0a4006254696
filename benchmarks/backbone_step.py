"""One training step on backbones of the sizes that others publish: DINOv2-small, and ConvNeXt-tiny by transformers.

Their weights are random, which costs as much. The head is a semantic FPN of 21 classes at an output stride of 16.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from benchmarks._harness import Result, in_turn
from benchmarks._memory import LiveBytes
from seglet.models.architecture import Architecture
from seglet.models.foundation.auto_backbone import describe_auto_backbone
from seglet.models.network import NetworkOutput
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

SIDE, BATCH, CLASSES = 224, 2, 21
REPEATS = 5
DINOV2_SMALL = {
    "channels": 384, "heads": 6, "depth": 12, "hidden": 1536, "patch": 14, "side": 37, "scale": 1.0, "eps": 1e-6,
}  # fmt: skip
CONVNEXT_TINY = {"model_type": "convnext", "hidden_sizes": [96, 192, 384, 768], "depths": [3, 3, 9, 3]}


@dataclass(frozen=True)
class BackboneResult(Result):
    """`ours` is the step on DINOv2-small, `rival` that on ConvNeXt-tiny; parameters and bytes of both, in this order.

    The bytes are those of the tensors that a step makes, gradients included: beside the weights and the optimiser.
    `equal` says that both losses are finite.
    """

    parameters: tuple[int, int]
    peak_bytes: tuple[int, int]


def run() -> BackboneResult:
    shapes = {"vit": DINOV2_SMALL, "hf": describe_auto_backbone(CONVNEXT_TINY)}
    classes = Classes.named([f"class {number}" for number in range(CLASSES)])
    networks = [
        build(Architecture(f"fpn-{family}", shape=shape, output_stride=16), classes).train()
        for family, shape in shapes.items()
    ]
    images = torch.rand(BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    first, second = (partial(step, network, images) for network in networks)
    equal = all(bool(call().isfinite()) for call in (first, second))
    ours, rival = in_turn((first, second), REPEATS)
    one, other = ((sum(p.numel() for p in network.parameters()), peak_bytes(network, images)) for network in networks)
    name = f"{BATCH}x3x{SIDE}x{SIDE}, {CLASSES} classes, semantic FPN"
    counts, peaks = (one[0], other[0]), (one[1], other[1])
    threads = torch.get_num_threads()
    return BackboneResult("backbone-step", ours, rival, rival / ours, "s", equal, name, threads, counts, peaks)


def step(network: Segmenter, images: Tensor) -> Tensor:
    """Computes a loss and its gradients, and returns the loss."""
    network.zero_grad()
    output: NetworkOutput = network.network(images)
    loss = output.logits.square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def peak_bytes(network: Segmenter, images: Tensor) -> int:
    """Returns the most bytes of tensors that were alive together in a step, without those from before."""
    network.zero_grad()
    with LiveBytes() as live:
        step(network, images)
    peak: int = live.peak
    return peak
