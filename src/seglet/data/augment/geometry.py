"""Augmented views of samples: a random scale, crop and flip, the same for the image, its mask and its columns.

Colour jitter and darkening change the image alone; `seglet.data.augment.terms` has what an experiment may add.
The geometry is that of the public CIRKD and Af-DCD training code: scale, pad at bottom and right, crop, flip.
Axes: h rows, w columns, c channels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Shaped, UInt8
from PIL import Image
from torch import Tensor

from seglet.data.augment.bending import BentWindow, bent_places
from seglet.data.augment.colour import ColourJitter, jitter_colours
from seglet.data.augment.terms import AugmentTerms, Motion
from seglet.data.columns.kinds import ColumnKind
from seglet.data.dark.views import DarkViews
from seglet.data.dataset import Sample
from seglet.data.errors import DataError
from seglet.types import IGNORE, option

_MOST_BYTES = 2**24
"""Number of bytes whose sum is sure to fit into 32 bits."""


@dataclass(frozen=True)
class Augmentation:
    """Settings of the random views taken in training."""

    crop: tuple[int, int] = option((64, 64), "height and width of a view in pixels")
    scale: tuple[float, float] = option((0.5, 2.0), "smallest and largest scale (CIRKD's)")
    scale_steps: int = option(16, "number of evenly spaced scales to draw from (CIRKD: 16); 0 draws any between")
    flip: float = option(0.5, "probability of mirroring left to right")
    jitter: ColourJitter = field(default_factory=ColourJitter)
    dark: DarkViews = field(default_factory=DarkViews)
    more: AugmentTerms = field(default_factory=AugmentTerms)
    copy_paste: float = option(0.0, "probability that a rare class of another image is pasted")

    def __post_init__(self) -> None:
        if min(self.crop) < 1:
            raise ValueError(f"expected a crop of at least 1 x 1 pixels, got {self.crop}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"expected scales 0 < smallest <= largest, got {self.scale}")
        if self.scale_steps < 0 or not 0 <= self.flip <= 1:
            raise ValueError(f"expected scale_steps >= 0 and flip in [0, 1], got {self.scale_steps}, {self.flip}")
        if not 0 <= self.copy_paste <= 1:
            raise ValueError(f"expected copy_paste in [0, 1], got {self.copy_paste}")


@dataclass(frozen=True)
class AugmentedView:
    """A random crop of a sample, scaled, flipped and recoloured, with its annotation and columns.

    `tags`, `texts` and `kinds` are those of the whole sample. `box` is top, left, bottom, right as fractions of the
    whole image, beyond 1 where the view is padded. Padding has the image's mean colour and the label IGNORE, and is
    False in `valid`. The flip is applied last. After a turn, a rotation or the like the box says nothing, see
    `AugmentTerms.unboxed`.
    """

    id: str
    image: Float[Tensor, "c h w"]
    labels: UInt8[np.ndarray, "h w"] | None
    tags: tuple[int, ...] | None
    valid: Bool[np.ndarray, "h w"]
    box: tuple[float, float, float, float]
    flipped: bool
    columns: Mapping[str, Tensor]
    texts: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, ColumnKind]


@dataclass(frozen=True)
class CropWindow:
    """A crop of `crop` pixels at (`top`, `left`) of an image of size `full` resized to `size`; all as (h, w)."""

    full: tuple[int, int]
    size: tuple[int, int]
    top: int
    left: int
    crop: tuple[int, int]

    @property
    def inside(self) -> tuple[int, int]:
        """Number of rows and columns of the window that the image covers."""
        return min(self.crop[0], self.size[0] - self.top), min(self.crop[1], self.size[1] - self.left)

    @property
    def padded(self) -> bool:
        """True if the image does not cover the whole window."""
        return self.inside != self.crop

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Top, left, bottom and right as fractions of the resized image."""
        (h, w), (rows, columns) = self.size, self.crop
        return self.top / h, self.left / w, (self.top + rows) / h, (self.left + columns) / w


def augmented_view(sample: Sample, augment: Augmentation, rng: np.random.Generator) -> AugmentedView:
    """Returns a random view of a sample, of exactly `augment.crop` pixels.

    Raises:
        DataError: a column cannot follow the view; names it.
    """
    place = draw_placement(sample.image.shape[:2], augment, rng)
    return AugmentedView(
        id=sample.id,
        image=_view_colours(sample.image, place, augment, rng),
        labels=None if sample.labels is None else place.labels(sample.labels, IGNORE),
        tags=sample.tags,
        valid=np.ascontiguousarray(place.orient(place.valid())),
        box=place.window.box,
        flipped=place.flipped,
        columns=_columns(sample, place, augment.more),
        texts=sample.texts,
        kinds=sample.kinds,
    )


def _view_colours(
    image: Shaped[np.ndarray, "rows columns c"], place: "Placement", augment: Augmentation, rng: np.random.Generator
) -> Float[Tensor, "c h w"]:
    if image.dtype != np.uint8:
        _refuse_colours(augment)
        return _tensor(place.orient(place.smooth(image)))
    if not (augment.jitter.active or augment.dark.active or augment.more.terms):
        return _plain_view(image, place.window, place.flipped)
    colours = place.smooth(image)
    if augment.jitter.active:
        colours = jitter_colours(colours, augment.jitter, rng)
    return _tensor(place.orient(augment.more.change(augment.dark.apply(colours, rng), rng)))


def _refuse_colours(augment: Augmentation) -> None:
    """Checks that nothing changes colours, which measured channels have not."""
    if augment.jitter.active or augment.dark.active or augment.more.colourful:
        raise DataError("the images hold measured channels, not colours; leave out colour_jitter, dark and what "
                        "changes colours in `augment` (the turns, rotations and bends may stay)")  # fmt: skip


def _plain_view(
    image: UInt8[np.ndarray, "rows columns 3"], window: CropWindow, flipped: bool
) -> Float[Tensor, "3 h w"]:
    """Returns what `_smooth`, `_mirror` and `_tensor` make of bytes in turn; they stay bytes while they are moved."""
    rows, columns = window.inside
    part = np.ascontiguousarray(_covered(image, window).transpose(2, 0, 1))
    view = np.empty((3, *window.crop), np.float32)
    seen = view[..., ::-1] if flipped else view
    if window.padded:
        seen[:] = _mean_colour(image)[:, None, None]
    np.divide(part, np.float32(255), out=seen[:, :rows, :columns], dtype=np.float32)
    return torch.from_numpy(view)


def whole_image(sample: Sample) -> tuple[Float[Tensor, "c h w"], UInt8[np.ndarray, "h w"] | None]:
    """Returns the whole image, colours in [0, 1], and its labels, without augmentation, as evaluation takes them."""
    return _tensor(_unit(sample.image)), sample.labels


@dataclass(frozen=True)
class Placement:
    """The place of a view in its image: a window, bent or not, then turned, and mirrored last."""

    window: CropWindow
    flipped: bool
    motion: Motion = field(default_factory=Motion)

    def smooth(self, image: np.ndarray) -> Float32[np.ndarray, "h w c"]:
        """Returns the window of an image in [0, 1], not turned or mirrored yet."""
        window = self._of(image)
        return _smooth(image, window) if self._bent is None else self._bent.smooth(_unit(image))

    def labels(self, labels: np.ndarray, fill: int) -> np.ndarray:
        """Returns the view of a label map, `fill` outside it."""
        found = _nearest(labels, self._of(labels), fill) if self._bent is None else self._bent.nearest(labels, fill)
        return np.ascontiguousarray(self.orient(found))

    def valid(self) -> Bool[np.ndarray, "h w"]:
        """Returns True where the window shows the image."""
        return _valid(self.window) if self._bent is None else self._bent.inside

    def orient(self, array: np.ndarray) -> np.ndarray:
        """Returns a window turned and mirrored to the view."""
        if self.motion.quarters:
            array = np.rot90(array, self.motion.quarters)
        return _mirror(array[::-1] if self.motion.upside_down else array, self.flipped)

    def _of(self, array: np.ndarray) -> CropWindow:
        return replace(self.window, full=(array.shape[0], array.shape[1]))  # a column may have another resolution

    @cached_property
    def _bent(self) -> BentWindow | None:
        window = self.window
        if not self.motion.bends:
            return None
        return BentWindow(window.size, bent_places(window.crop, (window.top, window.left), self.motion))


def draw_placement(full: tuple[int, ...], augment: Augmentation, rng: np.random.Generator) -> Placement:
    """Draws where a view lies in an image of size `full`."""
    if not augment.more.terms:
        window = draw_window(full, augment, rng)
        return Placement(window, bool(rng.random() < augment.flip))
    motion = augment.more.motion(augment.crop, rng)
    crop = augment.crop[::-1] if motion.quarters % 2 else augment.crop
    window = draw_window(full, replace(augment, crop=crop), rng, motion.aspect)
    return Placement(window, bool(rng.random() < augment.flip), motion)


def draw_window(
    full: tuple[int, ...], augment: Augmentation, rng: np.random.Generator, aspect: float = 1.0
) -> CropWindow:
    """Draws a random scale and crop position; an image smaller than the crop lies at its top left.

    `aspect` is by how much the image becomes wider for its height.
    """
    low, high = augment.scale
    if augment.scale_steps == 0:
        scale = float(rng.uniform(low, high))
    else:
        scale = low + (high - low) * int(rng.integers(augment.scale_steps)) / max(augment.scale_steps - 1, 1)
    stretched = (full[0] * scale / math.sqrt(aspect), full[1] * scale * math.sqrt(aspect))
    height, width = (max(1, math.floor(side + 0.5)) for side in stretched)
    top = int(rng.integers(max(height - augment.crop[0], 0) + 1))
    left = int(rng.integers(max(width - augment.crop[1], 0) + 1))
    return CropWindow((full[0], full[1]), (height, width), top, left, augment.crop)


def _columns(sample: Sample, place: Placement, terms: AugmentTerms) -> dict[str, Tensor]:
    """Returns the columns of a view.

    Raises:
        DataError: a column describes places of the whole image, and no box says where they lie in the view.
    """
    found, unboxed = {}, terms.unboxed
    for name, column in sample.columns.items():
        kind = sample.kinds.get(name)
        follows = _follows(column, kind, sample.image.shape[:2])
        if unboxed and not follows and kind not in ("vector", "sequence"):
            raise DataError(
                f"column {name!r} describes places of the whole image and cannot follow {', '.join(unboxed)}; leave "
                "them out of `augment` with this method"
            )
        found[name] = _column(column, place) if follows else torch.from_numpy(column.copy())
    return found


def _follows(column: np.ndarray, kind: ColumnKind | None, full: tuple[int, ...]) -> bool:
    return kind == "image" or (kind is None and column.shape[:2] == full)


def _column(column: np.ndarray, place: Placement) -> Tensor:
    """Returns the part of a column that a view covers.

    Columns of kind image, and columns without a kind that have the size of the image, are cropped with it: floats and
    colour images are resized smoothly and padded with their mean, integer maps are resized by nearest neighbour and
    padded with IGNORE. All others keep describing the whole image and are sampled later by the box of the crop.
    """
    if column.ndim == 3:
        return _tensor(place.orient(place.smooth(column)))
    if np.issubdtype(column.dtype, np.floating):
        return torch.from_numpy(np.ascontiguousarray(place.orient(place.smooth(column[..., None])[..., 0])))
    return torch.from_numpy(place.labels(column, IGNORE if np.can_cast(np.uint8, column.dtype) else 0))


def _smooth(image: np.ndarray, window: CropWindow) -> Float32[np.ndarray, "h w c"]:
    """Returns the window of a resized image, antialiased, 8-bit values divided by 255."""
    part = _unit(_covered(image, window))
    if not window.padded:
        return part
    rows, columns = window.inside
    out = np.empty((*window.crop, image.shape[2]), np.float32)
    out[:] = _mean_colour(image)
    out[:rows, :columns] = part
    return out


def _covered(image: np.ndarray, window: CropWindow) -> np.ndarray:
    """Returns the part of the window that the resized image covers; resizes only that."""
    rows, columns = window.inside
    (row0, row1), (column0, column1) = (
        _span(window.full[axis], window.size[axis], start, count)
        for axis, start, count in ((0, window.top, rows), (1, window.left, columns))
    )
    part = image[row0:row1, column0:column1]
    if window.size == window.full:
        return part[window.top - row0 :, window.left - column0 :][:rows, :columns]
    ratio = window.full[0] / window.size[0], window.full[1] / window.size[1]
    box = (
        window.left * ratio[1] - column0,
        window.top * ratio[0] - row0,
        (window.left + columns) * ratio[1] - column0,
        (window.top + rows) * ratio[0] - row0,
    )
    return _resize(part, (columns, rows), box)


def _mean_colour(image: np.ndarray) -> Float64[np.ndarray, " c"]:
    """Returns the mean of each channel, of bytes as fractions of 255; bytes are summed as whole numbers, row by row."""
    h, w, channels = image.shape
    if image.dtype != np.uint8 or h >= _MOST_BYTES:
        return np.asarray(image.mean(axis=(0, 1), dtype=np.float64) / (255 if image.dtype == np.uint8 else 1))
    rows = image.reshape(h, w * channels).sum(axis=0, dtype=np.uint32)  # 20 times as fast as a mean over two axes
    return np.asarray(rows.reshape(w, channels).sum(axis=0, dtype=np.uint64) / (h * w) / 255)


def _span(full: int, size: int, start: int, count: int) -> tuple[int, int]:
    """Returns the source pixels that `count` resized pixels from `start` depend on, with the margin of the filter."""
    ratio = full / size
    margin = math.ceil(max(ratio, 1)) + 1
    return max(0, math.floor(start * ratio) - margin), min(full, math.ceil((start + count) * ratio) + margin)


def _resize(part: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    height, width = part.shape[:2]
    box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height)))
    if part.dtype == np.uint8 and part.shape[2] == 3:
        image = Image.fromarray(np.ascontiguousarray(part))
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box))
    planes = (Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in np.moveaxis(_unit(part), 2, 0))
    return np.stack([np.asarray(p.resize(size, Image.Resampling.BILINEAR, box=box)) for p in planes], axis=2)


def _nearest(labels: np.ndarray, window: CropWindow, fill: int) -> np.ndarray:
    rows, columns = window.inside
    out = np.full(window.crop, fill, labels.dtype)
    y = ((window.top + np.arange(rows) + 0.5) * (window.full[0] / window.size[0])).astype(np.intp)
    x = ((window.left + np.arange(columns) + 0.5) * (window.full[1] / window.size[1])).astype(np.intp)
    out[:rows, :columns] = labels.take(y, axis=0).take(x, axis=1)  # five times as fast as both at once
    return out


def _valid(window: CropWindow) -> Bool[np.ndarray, "h w"]:
    rows, columns = window.inside
    valid = np.zeros(window.crop, np.bool_)
    valid[:rows, :columns] = True
    return valid


def _mirror(array: np.ndarray, flipped: bool) -> np.ndarray:
    return array[:, ::-1] if flipped else array


def _unit(image: np.ndarray) -> Float32[np.ndarray, "h w c"]:
    values: Float32[np.ndarray, "h w c"] = image.astype(np.float32)
    return values / np.float32(255) if image.dtype == np.uint8 else values


def _tensor(image: Float32[np.ndarray, "h w c"]) -> Float[Tensor, "c h w"]:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
