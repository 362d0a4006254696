"""Losses of box supervision: the projection of an object onto the sides of its box, and the affinity of its pixels.

They read masks as `seglet data import --sparse` writes them: void inside of boxes, with a core of their class, and
background, label 0, outside.

Axes: b images, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.images.pieces import number_pieces
from seglet.tensors import at_least_float32, resize_align_corners, shifted_pair
from seglet.types import IGNORE, Target

_BACKGROUND = 0
_SIDES = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Directions of the four neighbours behind a pixel; the other four are these seen from there."""
_WHITE = (0.950456, 1.0, 1.088754)
_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))


def box_projection_loss(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Computes how far objects are from touching all sides of their boxes, from 0 to 1, averaged over boxes.

    In every row and every column of a box some pixel is of its class. Per box and direction this is Dice's loss of the
    largest probability of each row or column against 1, and the two directions are averaged. Boxes are the connected
    parts that are not background, with a void pixel and a labelled one; of boxes of several classes that touch, the
    probabilities are added. A direction in which the view may cut a box is left out. What is outside of a box is
    labelled, and left to the other losses. Without a box it is 0 and has a gradient of 0.

    Source: Tian et al., CVPR 2021 (BoxInst), Eq. 1 and 2; that boxes are read from masks is ours.
    """
    probabilities = _probabilities(logits, target)
    boxes = _boxes(target.labels)
    parts = [_projection(probabilities[image], inside, target.labels[image]) for image, inside in boxes]
    found = [part for part in parts if part is not None]
    return torch.stack(found).mean() if found else logits.sum() * 0


def box_affinity_loss(
    logits: Float[Tensor, "b k _ _"],
    target: Target,
    images: Float[Tensor, "b 3 h w"],
    similarity: float = 0.3,
    dilation: int = 2,
) -> Float[Tensor, ""]:
    """Computes -log Σ p(i) p(j) over the classes, in nats, averaged over pairs of pixels of similar colour.

    Pairs are neighbours at a distance of `dilation` of which one is void inside of a box; they are similar where
    exp(-|difference in CIELAB| / 2) is at least `similarity`. Without a pair it is 0 and has a gradient of 0.

    Source: Tian et al., CVPR 2021 (BoxInst), Eq. 3 to 5, with several classes in place of one object.
    """
    probabilities, colours = _probabilities(logits, target), lab_colours(images)
    open_ = torch.zeros_like(target.labels, dtype=torch.bool)
    for image, inside in _boxes(target.labels):
        open_[image] |= inside & (target.labels[image] == IGNORE)
    total, count = logits.sum() * 0, 0
    for down, right in _SIDES:
        ours, theirs = shifted_pair(open_[:, None], down * dilation, right * dilation)
        one, other = shifted_pair(colours, down * dilation, right * dilation)
        alike = torch.exp(-(one - other).norm(dim=1) / 2) >= similarity
        first, second = shifted_pair(probabilities, down * dilation, right * dilation)
        paired = (ours | theirs)[:, 0] & alike
        same = (first * second).sum(dim=1).clamp_min(1e-6)
        total = total - same.log().masked_fill(~paired, 0).sum()
        count += int(paired.sum())
    return total / max(count, 1)


def lab_colours(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Returns the colours of sRGB images in [0, 1] in CIELAB: lightness from 0 to 100, and two axes of hue."""
    linear = torch.where(images > 0.04045, ((images + 0.055) / 1.055).clamp_min(0) ** 2.4, images / 12.92)
    xyz = torch.einsum("ij,bjhw->bihw", images.new_tensor(_TO_XYZ), linear)
    relative = xyz / images.new_tensor(_WHITE)[None, :, None, None]
    cube = torch.where(relative > 0.008856, relative.clamp_min(1e-8) ** (1 / 3), 7.787 * relative + 16 / 116)
    x, y, z = cube.unbind(dim=1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=1)


def _probabilities(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, "b k h w"]:
    return resize_align_corners(at_least_float32(logits), target.labels.shape[-2:]).softmax(dim=1)


def _boxes(labels: Integer[Tensor, "b h w"]) -> list[tuple[int, Bool[Tensor, "h w"]]]:
    """Returns the image and the pixels of each connected part with void and labelled pixels, without background."""
    found = []
    for image, each in enumerate(labels.cpu()):
        pieces = torch.from_numpy(number_pieces((each != _BACKGROUND).numpy()))
        void = set(pieces[each == IGNORE].tolist())
        named = set(pieces[(each != IGNORE) & (each != _BACKGROUND)].tolist())
        found += [(image, (pieces == number).to(labels.device)) for number in sorted(void & named)]
    return found


def _projection(
    probabilities: Float[Tensor, "k h w"], inside: Bool[Tensor, "h w"], labels: Integer[Tensor, "h w"]
) -> Float[Tensor, ""] | None:
    """Returns the loss of one box; None if the view may cut it in both directions."""
    classes = sorted(set(labels[inside & (labels != IGNORE)].tolist()))
    found = probabilities[classes].sum(dim=0).masked_fill(~inside, 0)
    across, down = inside.any(dim=0), inside.any(dim=1)
    losses = []
    if not (across[0] or across[-1]):  # all of each row is in the view
        losses.append(_dice_to_one(found.amax(dim=1)[down]))
    if not (down[0] or down[-1]):
        losses.append(_dice_to_one(found.amax(dim=0)[across]))
    return torch.stack(losses).mean() if losses else None


def _dice_to_one(values: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    return 1 - 2 * values.sum() / (values.square().sum() + values.numel())
