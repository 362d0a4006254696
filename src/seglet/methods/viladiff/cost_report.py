"""What a ViLaDiff step costs, told before it is taken: counted on tensors without memory."""

import copy
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.diffusion.mixed import State
from seglet.models.heads.vila import Fusion, Streams, Text, streams
from seglet.models.network import Network

WORDS = 40
"""Caption tokens of an image, about: two captions, and two more where CutMix pastes."""
STATE = 16
"""Bytes of a trained weight with its gradient and AdamW's two moments."""
GIB = 2**30

Part = TypeVar("Part", bound=nn.Module)


@dataclass
class Kept:
    """Bytes that autograd keeps for the backward pass, each storage once, without the matrices of attention.

    Without memory torch attends in plain products, while its fused kernels never keep what has `tokens` rows or one
    more and as many columns.
    """

    tokens: int
    sizes: dict[int, int] = field(default_factory=dict)
    alive: list[Tensor] = field(default_factory=list)

    def keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        rows, columns = (0, 0, *tensor.shape)[-2:]
        if rows - self.tokens in (0, 1) and (columns - self.tokens in (0, 1) or columns == WORDS):
            return tensor
        if storage._cdata not in self.sizes:
            self.alive.append(tensor)  # or the number would be given again
            self.sizes[storage._cdata] = storage.nbytes()
        return tensor


def account(
    network: Network, fusion: Fusion | None, denoiser: LabelDenoiser | None, size: tuple[int, int], batch: int
) -> list[str]:
    """Lines about the memory of a process with `batch` labelled and as many unlabelled views, and about the denoiser.

    Activations are counted in single precision with attention as torch's fused kernels keep it.
    """
    parts = [part for part in (network, fusion, denoiser) if part is not None]
    trained = sum(p.numel() for part in parts for p in part.parameters() if p.requires_grad)
    copied = sum(p.numel() for part in parts[: 1 if fusion is None else 2] for p in part.parameters())
    kept = STATE * trained, 4 * copied, activations(network, fusion, denoiser, size, batch)
    lines = [
        f"memory: about {sum(kept) / GIB:.2f} GiB a process: {kept[0] / GIB:.2f} for weights, gradients and AdamW, "
        f"{kept[1] / GIB:.2f} for the teacher, {kept[2] / GIB:.2f} for activations of {2 * batch} views of "
        f"{size[0]}x{size[1]} (half of that in mixed precision; accumulate divides them)"
    ]
    if denoiser is not None:
        share = denoiser_share(network, denoiser, size)
        lines.append(f"denoiser: a pass takes {100 * share:.1f} % of the multiplications of the backbone")
    return lines


def activations(
    network: Network, fusion: Fusion | None, denoiser: LabelDenoiser | None, size: tuple[int, int], batch: int
) -> int:
    """Bytes kept for the backward pass of a step."""
    seen_by = _elsewhere(network)
    with torch.no_grad():
        grid = seen_by.backbone(torch.empty(1, 3, *size, device="meta"))[3].shape
    kept = Kept(grid[2] * grid[3])
    asks = None if fusion is None else _elsewhere(fusion)
    mends = None if denoiser is None else _elsewhere(denoiser)
    with torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor):
        both = _seen(seen_by, asks, size, 2 * batch)
        if mends is not None:
            _denoised(mends, both, batch)
    parts: list[nn.Module] = [part for part in (seen_by, asks, mends) if part is not None]
    own = {p.untyped_storage()._cdata for part in parts for p in part.parameters()}
    return sum(nbytes for place, nbytes in kept.sizes.items() if place not in own)


def denoiser_share(network: Network, denoiser: LabelDenoiser, size: tuple[int, int]) -> float:
    """Multiplications of a pass of the denoiser over those of a pass of the backbone, for one image."""
    seen_by, mends = _elsewhere(network), _elsewhere(denoiser)
    image = torch.empty(1, 3, *size, device="meta")
    with torch.no_grad():
        with FlopCounterMode(display=False) as backbone:
            seen_by.backbone(image)
        both = streams(seen_by, None, image, None)
        with FlopCounterMode(display=False) as own:
            _denoised(mends, both, 1)
    return float(own.get_total_flops() / backbone.get_total_flops())


def _elsewhere(part: Part) -> Part:
    """A copy without memory, in training mode."""
    return copy.deepcopy(part).to("meta").train()


def _seen(network: Network, fusion: Fusion | None, size: tuple[int, int], count: int) -> Streams:
    text = None
    if fusion is not None:
        states = torch.empty(count, WORDS, fusion.text, device="meta")
        text = Text(states, torch.empty(count, WORDS, dtype=torch.bool, device="meta"))
    return streams(network, fusion, torch.empty(count, 3, *size, device="meta"), text)


def _denoised(denoiser: LabelDenoiser, both: Streams, count: int) -> None:
    maps, logits = both.visual.maps[:count].detach(), both.visual.logits[:count].detach()
    labels = torch.empty(count, *maps.shape[2:], dtype=torch.long, device="meta")
    denoiser(State(labels, maps), logits, torch.empty(count, dtype=torch.long, device="meta"))
