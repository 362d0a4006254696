"""Images in the forms users have them, as a batch of one."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from seglet.files import DataError
from seglet.images import OWN_RANGE, WhiteLevels, scale_to_bytes, white_level
from seglet.images.value_range import Channel
from seglet.tensors import resize_align_corners, resize_half_pixel

SMALLEST_SIDE = 32
"""Pixels a side below which the coarsest stage of a network would be empty; smaller images are padded."""

ImageLike = str | PathLike[str] | Image.Image | np.ndarray | Tensor
"""An image as users have it: the path of a file, a PIL image, an array or a tensor; see `image_batch`."""

DepthLike = np.ndarray | Tensor
"""Depth of an image as users have it; see `with_depth`."""


def image_batch(
    image: ImageLike, whites: WhiteLevels | None = None, max_pixels: int | None = None
) -> Float[Tensor, "1 3 h w"]:
    """Returns an image as RGB in [0, 1]; the same picture gives the same as a file, from Pillow, and as an array.

    EXIF orientation is applied to PIL images, grey is repeated, alpha dropped. Bytes are 0 to 255; other integers and
    floats are scaled by the range that they use, as those of files are (see `white_level`), or by `whites`. Files of
    more than `max_pixels` pixels, 64 million if not given, are refused before they are decoded.

    Raises:
        DataError: a file is no readable image, or the range of its values is unknown, as of negative ones.
        ValueError: another type or shape, or no pixels.
    """
    if isinstance(image, str | PathLike):
        image = _read(_file(image), whites or OWN_RANGE, max_pixels)
    if isinstance(image, Image.Image):
        from seglet.images import picture_colours

        image = picture_colours(image, whites or OWN_RANGE)
    if isinstance(image, np.ndarray):
        image = torch.from_numpy(_channels_first(image))
    if not isinstance(image, Tensor):
        raise ValueError(
            f"expected the path of an image file, a PIL image, an array or a tensor, not a {type(image).__name__}"
        )
    return _planes(image, whites or OWN_RANGE).unsqueeze(0)


def channel_batch(
    image: ImageLike, channels: Sequence[Channel], max_pixels: int | None = None
) -> Float[Tensor, "1 c h w"]:
    """Returns an image of these channels in stored values.

    Arrays are [h, w, c] and tensors [c, h, w], in stored values too; a single channel may also be [h, w].

    Raises:
        DataError: a file is no readable image, has another number of channels, or is too large.
        ValueError: another type or shape, or values that are not finite.
    """
    names = ", ".join(channel.name for channel in channels)
    if isinstance(image, str | PathLike):
        from seglet.images import MAX_PIXELS, TooLargeError
        from seglet.images.channels import read_channels

        try:
            image = read_channels(_file(image), channels, MAX_PIXELS if max_pixels is None else max_pixels).values
        except TooLargeError as error:
            raise error.with_cure("max_pixels={}") from error
    if isinstance(image, np.ndarray):
        planes = image[..., None] if image.ndim == 2 else image
        image = torch.from_numpy(np.ascontiguousarray(np.moveaxis(planes, -1, 0), dtype=np.float32))
    if not isinstance(image, Tensor) or image.ndim != 3 or image.shape[0] != len(channels) or image.numel() == 0:
        shape = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"this network takes {len(channels)} channels ({names}): expected a file, an array [h, w, "
                         f"{len(channels)}] or a tensor [{len(channels)}, h, w], got {shape}")  # fmt: skip
    if not bool(image.isfinite().all()):
        raise ValueError("the image holds numbers that are not finite; replace them by the mean of their channel")
    return image.float().unsqueeze(0)


def as_uint8(images: Float[Tensor, "1 planes h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the colours of a batch of one as an array."""
    return np.asarray((images[0, :3].float() * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())


def _file(image: str | PathLike[str]) -> Path:
    path = Path(image)
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder; give its files, such as sorted(Path({str(path)!r}).glob('*.png'))")
    return path


def _read(path: Path, whites: WhiteLevels, max_pixels: int | None) -> UInt8[np.ndarray, "h w 3"]:
    from seglet.images import MAX_PIXELS, TooLargeError, read_image

    try:
        return read_image(path, MAX_PIXELS if max_pixels is None else max_pixels, whites=whites)
    except TooLargeError as error:
        raise error.with_cure("max_pixels={}") from error


def _channels_first(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = image[:, :, None].repeat(3, axis=2)
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise ValueError(f"expected an array [h, w, 3] (or [h, w], [h, w, 4]), got shape {image.shape}")
    native = image.dtype.newbyteorder("=")
    return np.ascontiguousarray(image[:, :, :3].transpose(2, 0, 1), dtype=native)


def _planes(image: Tensor, whites: WhiteLevels) -> Tensor:
    if image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise ValueError(f"expected a tensor [3, h, w] with at least one pixel, got shape {tuple(image.shape)}")
    if image.dtype == torch.uint8:
        return image.float() / 255
    values = (image.detach().float() if image.is_floating_point() else image).cpu().numpy()
    try:
        white = whites.of_image(white_level(values), image.is_floating_point())
    except DataError as error:
        raise DataError(f"the image {error}") from error
    if image.is_floating_point():
        return image.float() / white
    return torch.from_numpy(scale_to_bytes(values, white)).to(image.device).float() / 255


def append_depth(images: Float[Tensor, "1 3 h w"], depth: np.ndarray | Tensor | None) -> Float[Tensor, "1 planes h w"]:
    """The image with its depth [h2, w2], floats in [0, 1] of any resolution, as a fourth plane; None adds none.

    Raises:
        ValueError: depth has another shape or other proportions than the image, or values out of range.
    """
    if depth is None:
        return images
    plane = torch.from_numpy(np.array(depth)) if isinstance(depth, np.ndarray) else depth
    if plane.ndim != 2 or not plane.is_floating_point() or plane.numel() == 0:
        raise ValueError(f"expected depth as floats [h, w], got {plane.dtype} of shape {tuple(plane.shape)}")
    (height, width), (rows, columns) = images.shape[2:], plane.shape
    if abs(rows * width - columns * height) > max(height, width, rows, columns):
        raise ValueError(
            f"depth of {rows}x{columns} has other proportions than its image of {height}x{width}; it is another "
            "image's, or was cropped"
        )
    plane = plane.to(images)
    low, high = float(plane.min()), float(plane.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"expected depth from 0, nearest, to 1, farthest, got {low:g} to {high:g}; scale it")
    return torch.cat([images, resize_half_pixel(plane[None, None], (height, width))], dim=1)


def pad_to_side(images: Float[Tensor, "b planes h w"], smallest: int) -> Float[Tensor, "b planes h2 w2"]:
    """Pads images at right and bottom, by repetition, until both sides have `smallest` pixels."""
    height, width = images.shape[2:]
    right, below = max(0, smallest - width), max(0, smallest - height)
    return F.pad(images, (0, right, 0, below), mode="replicate") if right or below else images


def of_any_size(network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Returns the network for images of any size: small ones are padded, and its logits cut to their size again."""

    def padded(images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k _ _"]:
        height, width = images.shape[2:]
        larger = pad_to_side(images, SMALLEST_SIDE)
        if larger is images:
            return network(images)
        return resize_align_corners(network(larger), (larger.shape[2], larger.shape[3]))[..., :height, :width]

    return padded
