"""What the teacher says of plain views, and what CutMix makes of it.

Axes: b images, k classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.labels.semi.cutmix import Boxes, draw_boxes, inside, mixed, paste, paste_record
from seglet.labels.semi.pseudo_label import PseudoLabelMap
from seglet.methods.viladiff.texts import pasted
from seglet.models.heads.vila import Stream, Text
from seglet.types import Movable, SemiStep


@dataclass(frozen=True)
class Taught(Movable):
    """Images in strong views with all that is known of them: pseudo labels, the teacher's visual stream, captions."""

    images: Float[Tensor, "b 3 h w"]
    guess: PseudoLabelMap
    stream: Stream
    text: Text | None


def weak_views(step: SemiStep) -> tuple[Float[Tensor, "b 3 h w"], Bool[Tensor, "b h w"]]:
    """All plain views that labels are guessed in: the step's own, then those that are pasted, if they are others."""
    parts = [step.unlabelled, *([step.partner] if step.partner else [])]
    return torch.cat([part.images for part in parts]), torch.cat([part.valid for part in parts])


def strong_views(step: SemiStep, guess: PseudoLabelMap, stream: Stream, text: Text | None) -> tuple[Taught, Taught]:
    """The step's own images and those that are pasted into them, of what is known of `weak_views`."""
    count = len(step.unlabelled.images)
    if step.partner is None:
        own = Taught(step.unlabelled.strong[0], guess, stream, text)
        return own, own.map(lambda tensor: tensor.flip(0))
    both = Taught(torch.cat((step.unlabelled.strong[0], step.partner.strong[0])), guess, stream, text)
    return both[:count], both[count:]


def cutmix(own: Taught, partner: Taught, how: Boxes, generator: torch.Generator) -> Taught:
    """Boxes of the partner pasted with its labels, trust and the teacher's maps; where there is one, both captions."""
    size = (own.images.shape[2], own.images.shape[3])
    box = inside(draw_boxes(len(own.images), size, how, generator), size).to(own.images.device)
    text = None
    if own.text is not None and partner.text is not None:
        text = pasted(own.text, partner.text, mixed(box))
    return Taught(
        paste(own.images, partner.images, box),
        paste_record(own.guess, partner.guess, box),
        paste_record(own.stream, partner.stream, box),
        text,
    )
