"""Tensor operations that every layer shares: precision, resizing, cross-entropy of pixels, running statistics.

Bilinear resizing has two conventions, and the name says which one a function follows (ONNX uses the same terms).
`align_corners` puts the centres of the corner pixels onto one another; `half_pixel` gives every pixel the same share
of the image. Papers differ here, and so do their numbers.

Axes: b images, k classes, c channels, h rows, w columns.
"""

from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer, Shaped
from torch import Tensor

from seglet.types import IGNORE

MapSize = torch.Size | tuple[int, int]
"""Height and width in pixels."""

Interpolation = Literal["bilinear", "bicubic"]


def wide_dtype(*tensors: Tensor) -> torch.dtype:
    """Returns the dtype to compute in: the widest of the tensors', and at least float32."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def at_least_float32(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Casts half precision to float32 and leaves wider types alone.

    Networks may compute in half precision; sums over a million pixels may not.
    """
    return values.to(wide_dtype(values))


def resize_align_corners(maps: Float[Tensor, "b c _ _"], size: MapSize) -> Float[Tensor, "b c h w"]:
    """Resizes bilinearly with aligned corners; returns the maps themselves if they have this size.

    Source: the convention of CIRKD, in training and in evaluation.
    """
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=True)


def resize_half_pixel(
    maps: Float[Tensor, "b c _ _"], size: MapSize, mode: Interpolation = "bilinear"
) -> Float[Tensor, "b c h w"]:
    """Resizes by the area of pixels, without smoothing; returns the maps themselves if they have this size.

    Source: the convention of SegFormer, WeCLIP and ExCEL.
    """
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode=mode, align_corners=False)


def resize_antialiased(
    images: Float[Tensor, "b c _ _"], size: MapSize, mode: Interpolation = "bilinear"
) -> Float[Tensor, "b c h w"]:
    """Resizes by the area of pixels and smooths where it shrinks; returns the images themselves if they have this size.

    Bicubic results may leave [0, 1]. An exported graph serves every size, so there the images are always resized.
    """
    if not torch.compiler.is_exporting() and images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode=mode, align_corners=False, antialias=True)


def resize_nearest(maps: Float[Tensor, "b c _ _"], size: MapSize) -> Float[Tensor, "b c h w"]:
    """Resizes without new values: each pixel copies the one at or before its place."""
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="nearest")


def resize_labels(labels: Integer[Tensor, "b _ _"], size: MapSize) -> Integer[Tensor, "b h w"]:
    """Resizes label maps: each pixel copies the label at or before its place.

    Source: the convention of CIRKD and IFVD.
    """
    return resize_nearest(labels[:, None].float(), size)[:, 0].to(labels.dtype)


def nearest_align_corners(maps: Shaped[Tensor, "*b _ _"], size: MapSize) -> Shaped[Tensor, "*b h w"]:
    """Resizes without new values and with aligned corners: pixel i of h copies the one at round(i (H - 1) / (h - 1)).

    So a label stands where logits that `resize_align_corners` enlarges are compared with it. A half is rounded up; a
    single row or column copies the first.
    """
    rows, columns = (
        _aligned_places(whole, part, maps.device) for whole, part in zip(maps.shape[-2:], size, strict=True)
    )
    return maps[..., rows[:, None], columns]


def _aligned_places(whole: int, part: int, device: torch.device) -> Integer[Tensor, " _"]:
    steps = max(part - 1, 1)
    return (2 * torch.arange(part, device=device) * (whole - 1) + steps) // (2 * steps)


def near_patches(size: tuple[int, int], radius: int | None, device: torch.device | str = "cpu") -> Bool[Tensor, "n n"]:
    """Returns True for pairs of patches of a grid `size` (h, w) at most `radius` rows and columns apart; None: all.

    Raises:
        ValueError: the radius is negative.

    Source: AFA, code, get_mask_by_radius.
    """
    if radius is not None and radius < 0:
        raise ValueError(f"radius is a number of patches from 0 up, got {radius}")
    places = torch.cartesian_prod(*(torch.arange(side, device=device) for side in size))
    apart = (places[:, None] - places[None]).abs().amax(dim=2)
    return apart <= (max(size) if radius is None else radius)


def pixel_cross_entropy(logits: Float[Tensor, "b k _ _"], labels: Integer[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Computes the cross-entropy of each pixel in nats, in at least float32; 0 where the label is IGNORE.

    Logits of another size are resized to the labels, with aligned corners.
    """
    resized = resize_align_corners(at_least_float32(logits), labels.shape[-2:])
    return F.cross_entropy(resized, labels.long(), ignore_index=IGNORE, reduction="none")


def running_mean_and_deviation(
    draws: Iterable[Float[Tensor, "*shape"]], ddof: int = 1
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Computes the mean and the standard deviation of draws that arrive one at a time; none of them is kept.

    The sum of squares is divided by (number of draws - `ddof`), at least 1. A single draw has deviation 0.

    Raises:
        ValueError: there is no draw.

    Source: Welford, Technometrics 1962: no cancellation.
    """
    stream = iter(draws)
    first = next(stream, None)
    if first is None:
        raise ValueError("expected at least one draw to take a mean and a deviation of, got none")
    mean, squares, count = first.clone(), torch.zeros_like(first), 1
    for draw in stream:
        count += 1
        difference = draw - mean
        mean.add_(difference, alpha=1 / count)
        squares.addcmul_(difference, difference, value=(count - 1) / count)
    return mean, squares.div_(max(count - ddof, 1)).sqrt_()


def shifted_pair(maps: Shaped[Tensor, "*n h w"], down: int, right: int) -> tuple[Tensor, Tensor]:
    """Returns two parts of maps: each pixel of the first has the one `down` rows and `right` columns on in the second.

    `down` is 0 or more; `right` may be below 0.
    """
    height, width = maps.shape[-2:]
    left, start = max(-right, 0), max(right, 0)
    first = maps[..., : max(height - down, 0), left : max(width - start, left)]
    return first, maps[..., down:, start : max(width - left, start)]
