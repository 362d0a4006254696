"""Fully connected conditional random field (dense CRF): pixels that are near or similar in colour agree on a label.

It needs torch alone. Inference runs on the device of its input, in float32, one image of the batch at a time, and is
deterministic; there is no gradient.

Axes: b images, k classes, h rows, w columns, n = h * w pixels.

Source: Krähenbühl and Koltun, Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials, NeurIPS 2011;
kernels normalised on both sides as the package pydensecrf does by default. Golden family dense_crf.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from seglet.labels.refine.crf_pydensecrf import infer_with_pydensecrf
from seglet.labels.refine.crf_settings import SSSS_CRF, CRFSettings
from seglet.labels.refine.permutohedral import PermutohedralLattice, build_lattice
from seglet.types import IGNORE

CRFBackend = Literal["seglet", "pydensecrf"]
"""Our implementation, or the package pydensecrf from the extra seglet[crf], with the same result on the CPU."""

_LANES = 4  # pydensecrf pads its last group of pixels with black ones at the origin; dark corners show it
_FLOOR = 1e-5  # pydensecrf: least probability before inference
_OVERSHOOT = 0.5  # colours further outside [0, 1] mean that images are normalised
_TINY = 1e-20  # pydensecrf: keeps the normaliser finite


def dense_crf(
    probabilities: Float[Tensor, "b k h w"],
    images: Float[Tensor, "b 3 h w"],
    settings: CRFSettings = SSSS_CRF,
    backend: CRFBackend = "seglet",
) -> Float[Tensor, "b k h w"]:
    """Refines class probabilities along the edges of the image, in float32.

    Scores need not sum to 1; those below 1e-5 are raised to it. Images are RGB in [0, 1]; colours
    are rounded to 256 levels, as `CRFSettings.colour_sigma` counts them. An empty batch is returned as it is.

    Raises:
        ValueError: images and probabilities differ in number or size, there is no class or no pixel, a value is not
            finite, images are not in [0, 1], the kernels are too narrow for the size of the image, or the backend
            pydensecrf is not installed.
    """
    _finite("probabilities", probabilities)
    return crf_mean_field(-probabilities.float().clamp(_FLOOR, 1).log(), images, settings, backend)


@torch.no_grad()
def crf_mean_field(
    energies: Float[Tensor, "b k h w"],
    images: Float[Tensor, "b 3 h w"],
    settings: CRFSettings = SSSS_CRF,
    backend: CRFBackend = "seglet",
) -> Float[Tensor, "b k h w"]:
    """Runs `dense_crf` on the energies of classes in nats: negative logits or negative log-probabilities."""
    energies = energies.float()
    _check(energies, images, backend)
    colours = (images.float() * 255).round().clamp(0, 255).to(torch.uint8)
    result = torch.empty(energies.shape, device=energies.device)
    spatial = _spatial(images, settings) if backend == "seglet" and len(images) else ()
    for i, (energy, colour) in enumerate(zip(energies, colours, strict=True)):
        if backend == "seglet":
            result[i] = _infer(energy, (*spatial, *_bilateral(colour, settings)), settings.iterations)
        else:
            result[i] = infer_with_pydensecrf(energy, colour, settings)
    return result


def soft_labels(
    labels: Integer[Tensor, "b h w"], num_classes: int, confidence: float = 0.7
) -> Float[Tensor, "b {num_classes} h w"]:
    """Returns probabilities with `confidence` for each label and the rest shared equally; uniform where it is IGNORE.

    `dense_crf` of them with `LABELS_CRF` cleans hard labels as AFA and its successors do.

    Raises:
        ValueError: `confidence` is not in (0, 1], or a label is neither a class nor IGNORE.
    """
    void = labels == IGNORE
    if not 0 < confidence <= 1:
        raise ValueError(f"confidence must be in (0, 1], not {confidence}")
    if (((labels < 0) | (labels >= num_classes)) & ~void).any():
        extent = f"{int(labels[~void].min())} to {int(labels[~void].max())}"
        raise ValueError(
            f"labels must be 0 to {num_classes - 1} or {IGNORE}, they are {extent}; set num_classes to fit"
        )
    chosen = F.one_hot(labels.long().masked_fill(void, 0), num_classes).movedim(-1, 1).bool()
    rest = (1 - confidence) / (num_classes - 1) if num_classes > 1 else 1.0
    probabilities = torch.where(chosen, confidence if num_classes > 1 else 1.0, rest)
    return probabilities.masked_fill(void[:, None], 1 / num_classes)


def _check(energies: Tensor, images: Tensor, backend: str) -> None:
    """Checks inputs that would otherwise give NaN, a crash elsewhere or, silently, wrong results."""
    if backend not in get_args(CRFBackend):
        raise ValueError(f"unknown backend {backend!r}; choose one of {', '.join(get_args(CRFBackend))}")
    (b, k, *size), (others, channels, *other_size) = energies.shape, images.shape
    if (b, size) != (others, other_size) or channels != 3:
        raise ValueError(
            f"scores {tuple(energies.shape)} and images {tuple(images.shape)} differ in number or size, or the images"
            " are not RGB; resize one of them first"
        )
    if 0 in (k, *size):
        raise ValueError(f"scores {tuple(energies.shape)} have no class or no pixel; there is nothing to infer")
    _finite("scores", energies)
    _finite("images", images)
    if b and (images.min() < -_OVERSHOOT or images.max() > 1 + _OVERSHOOT):
        extent = f"[{images.min():.3g}, {images.max():.3g}]"
        raise ValueError(f"images must be RGB in [0, 1], they lie in {extent}; undo their normalisation first")


def _finite(name: str, values: Tensor) -> None:
    if not values.isfinite().all():
        raise ValueError(f"{name} hold values that are not finite; replace them, or leave the image out")


def _spatial(images: Float[Tensor, "b 3 h w"], settings: CRFSettings) -> tuple[PermutohedralLattice, ...]:
    """Returns the kernel of position alone, which all images of a batch share; none if its weight is 0."""
    if not settings.spatial_weight:
        return ()
    return (_normalised(_positions(images[0], settings.spatial_sigma), settings.spatial_weight),)


def _bilateral(colours: UInt8[Tensor, "3 h w"], settings: CRFSettings) -> tuple[PermutohedralLattice, ...]:
    """Returns the kernel of position and colour; none if its weight is 0."""
    if not settings.bilateral_weight:
        return ()
    features = [_positions(colours, settings.bilateral_sigma), colours.flatten(1) / settings.colour_sigma]
    return (_normalised(torch.cat(features), settings.bilateral_weight),)


def _positions(image: Tensor, sigma: float) -> Float[Tensor, "2 n"]:
    """Returns column and row of each pixel, in that order, in units of `sigma`."""
    rows, columns = (torch.arange(length, device=image.device) / sigma for length in image.shape[-2:])
    return torch.stack([columns.expand(len(rows), -1), rows[:, None].expand(-1, len(columns))]).flatten(1)


def _normalised(features: Float[Tensor, "d n"], weight: float) -> PermutohedralLattice:
    """Returns the kernel times `weight`, divided on both sides by the root of its response to ones."""
    idle = -features.shape[1] % _LANES
    kernel = build_lattice(F.pad(features, (0, idle)), idle)
    root = (kernel.filter(torch.ones_like(features[:1]).T) + _TINY).rsqrt().squeeze(1)
    return kernel.weighted(root, weight * root)


def _infer(
    energy: Float[Tensor, "k h w"], kernels: Sequence[PermutohedralLattice], iterations: int
) -> Float[Tensor, "k h w"]:
    """Infers one image by mean field; pixels come first inside, so that all labels of a pixel lie together."""
    unary = -energy.flatten(1).T.contiguous()
    belief = unary.softmax(1)
    for _ in range(iterations if kernels else 0):
        tables = [kernel.spread(belief) for kernel in kernels]
        for block in kernels[0].blocks():  # a block of beliefs is no longer needed once all tables are made
            total = unary[block].clone()
            for kernel, table in zip(kernels, tables, strict=True):
                total += kernel.gather(table, block)
            torch.softmax(total, 1, out=belief[block])
    return belief.T.reshape(energy.shape)
