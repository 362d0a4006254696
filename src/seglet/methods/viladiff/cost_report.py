"""Estimate of what a ViLaDiff step costs, made before the first one on tensors without memory."""

import copy
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.diffusion.mixed import NoisyState
from seglet.models.heads.vila import CaptionFusion, CaptionStates, StreamOutputs, run_streams
from seglet.models.network import Network

_CAPTION_TOKENS = 40
"""Caption tokens of an image, about: two captions, and two more where CutMix pastes."""
_BYTES_PER_WEIGHT = 16
"""Bytes of a trained weight with its gradient and AdamW's two moments."""
_GIB = 2**30

_Part = TypeVar("_Part", bound=nn.Module)


@dataclass
class SavedActivations:
    """Bytes that autograd keeps for the backward pass, counting each storage once and no attention matrices.

    On tensors without memory torch computes attention as plain products, while its fused kernels never keep a matrix
    that has `tokens` rows (or one more) and as many columns.
    """

    tokens: int
    sizes: dict[int, int] = field(default_factory=dict)
    alive: list[Tensor] = field(default_factory=list)

    def add(self, tensor: Tensor) -> Tensor:
        """Counts a tensor that autograd saves, and returns it unchanged."""
        storage = tensor.untyped_storage()
        rows, columns = (0, 0, *tensor.shape)[-2:]
        if rows - self.tokens in (0, 1) and (columns - self.tokens in (0, 1) or columns == _CAPTION_TOKENS):
            return tensor
        if storage._cdata not in self.sizes:
            self.alive.append(tensor)  # else its number could be given to another storage
            self.sizes[storage._cdata] = storage.nbytes()
        return tensor


def estimate_costs(
    network: Network, fusion: CaptionFusion | None, denoiser: LabelDenoiser | None, size: tuple[int, int], batch: int
) -> list[str]:
    """Returns a line on the memory of a process with `batch` labelled and as many unlabelled views.

    With a denoiser another line compares its work with the backbone's. Activations are counted in single precision,
    with attention as torch's fused kernels keep it.
    """
    parts = [part for part in (network, fusion, denoiser) if part is not None]
    trained = sum(p.numel() for part in parts for p in part.parameters() if p.requires_grad)
    copied = sum(p.numel() for part in parts[: 1 if fusion is None else 2] for p in part.parameters())
    kept = _BYTES_PER_WEIGHT * trained, 4 * copied, activation_bytes(network, fusion, denoiser, size, batch)
    lines = [
        f"memory: about {sum(kept) / _GIB:.2f} GiB a process: {kept[0] / _GIB:.2f} for weights, gradients and AdamW, "
        f"{kept[1] / _GIB:.2f} for the teacher, {kept[2] / _GIB:.2f} for activations of {2 * batch} views of "
        f"{size[0]}x{size[1]} (half of that in mixed precision; accumulate divides them)"
    ]
    if denoiser is not None:
        share = denoiser_share(network, denoiser, size)
        lines.append(f"denoiser: a pass takes {100 * share:.1f} % of the multiplications of the backbone")
    return lines


def activation_bytes(
    network: Network, fusion: CaptionFusion | None, denoiser: LabelDenoiser | None, size: tuple[int, int], batch: int
) -> int:
    """Returns the bytes that a step keeps for its backward pass."""
    student = _on_meta(network)
    with torch.no_grad():
        grid = student.backbone(torch.empty(1, 3, *size, device="meta"))[3].shape
    saved = SavedActivations(grid[2] * grid[3])
    fusion = None if fusion is None else _on_meta(fusion)
    denoiser = None if denoiser is None else _on_meta(denoiser)
    with torch.autograd.graph.saved_tensors_hooks(saved.add, lambda tensor: tensor):
        both = _run_streams(student, fusion, size, 2 * batch)
        if denoiser is not None:
            _run_denoiser(denoiser, both, batch)
    parts: list[nn.Module] = [part for part in (student, fusion, denoiser) if part is not None]
    weights = {p.untyped_storage()._cdata for part in parts for p in part.parameters()}
    return sum(nbytes for storage, nbytes in saved.sizes.items() if storage not in weights)


def denoiser_share(network: Network, denoiser: LabelDenoiser, size: tuple[int, int]) -> float:
    """Returns the multiplications of a denoiser pass divided by those of a backbone pass, for one image."""
    student, denoiser = _on_meta(network), _on_meta(denoiser)
    image = torch.empty(1, 3, *size, device="meta")
    with torch.no_grad():
        with FlopCounterMode(display=False) as backbone:
            student.backbone(image)
        both = run_streams(student, None, image, None)
        with FlopCounterMode(display=False) as own:
            _run_denoiser(denoiser, both, 1)
    return float(own.get_total_flops() / backbone.get_total_flops())


def _on_meta(part: _Part) -> _Part:
    """Returns a copy without memory, in training mode."""
    return copy.deepcopy(part).to("meta").train()


def _run_streams(network: Network, fusion: CaptionFusion | None, size: tuple[int, int], count: int) -> StreamOutputs:
    captions = None
    if fusion is not None:
        states = torch.empty(count, _CAPTION_TOKENS, fusion.text, device="meta")
        captions = CaptionStates(states, torch.empty(count, _CAPTION_TOKENS, dtype=torch.bool, device="meta"))
    return run_streams(network, fusion, torch.empty(count, 3, *size, device="meta"), captions)


def _run_denoiser(denoiser: LabelDenoiser, both: StreamOutputs, count: int) -> None:
    maps, logits = both.visual.maps[:count].detach(), both.visual.logits[:count].detach()
    labels = torch.empty(count, *maps.shape[2:], dtype=torch.long, device="meta")
    denoiser(NoisyState(labels, maps), logits, torch.empty(count, dtype=torch.long, device="meta"))
