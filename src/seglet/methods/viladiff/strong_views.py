"""Strong views of unlabelled images with the teacher's pseudo labels, mixed by CutMix.

Axes: b images, k classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.labels.semi.cutmix import CutMixOptions, box_mask, draw_cutmix_boxes, has_box, paste_boxes, paste_record
from seglet.labels.semi.pseudo_label import PseudoLabelMap
from seglet.methods.viladiff.step_captions import with_partner_captions
from seglet.models.heads.vila import CaptionStates, StreamOutput
from seglet.types import SemiStep, TensorRecord


@dataclass(frozen=True)
class TeacherLabels(TensorRecord):
    """The teacher's labels of weak views as it said them, the same refined if it is time, and its visual stream."""

    guess: PseudoLabelMap
    pseudo: PseudoLabelMap
    visual: StreamOutput


@dataclass(frozen=True)
class StrongViews(TensorRecord):
    """Strongly augmented images with pseudo labels, the teacher's visual stream and captions of their weak views.

    `pseudo` teaches the student and may be refined; `guess` is what the teacher said, and teaches the denoiser, which
    would else learn from its own output.
    """

    images: Float[Tensor, "b 3 h w"]
    guess: PseudoLabelMap
    pseudo: PseudoLabelMap
    teacher: StreamOutput
    captions: CaptionStates | None


def weak_views(step: SemiStep) -> tuple[Float[Tensor, "b 3 h w"], Bool[Tensor, "b h w"]]:
    """Returns the weak views that get pseudo labels, the step's own before a partner's, and where they are valid."""
    parts = [step.unlabelled, *([step.partner] if step.partner else [])]
    return torch.cat([part.images for part in parts]), torch.cat([part.valid for part in parts])


def strong_views(
    step: SemiStep, labels: TeacherLabels, captions: CaptionStates | None
) -> tuple[StrongViews, StrongViews]:
    """Returns the strong views of the step and those to paste into them, given what belongs to its `weak_views`.

    Without a partner the same images are pasted in reverse order.
    """
    count = len(step.unlabelled.images)
    partner = [] if step.partner is None else [step.partner.strong[0]]
    images = torch.cat((step.unlabelled.strong[0], *partner))
    views = StrongViews(images, labels.guess, labels.pseudo, labels.visual, captions)
    return (views[:count], views[count:]) if partner else (views, views.map(lambda tensor: tensor.flip(0)))


def cutmix_views(own: StrongViews, partner: StrongViews, how: CutMixOptions, generator: torch.Generator) -> StrongViews:
    """Pastes boxes of the partner's images, pseudo labels and teacher maps; an image with a box gets both captions."""
    size = (own.images.shape[2], own.images.shape[3])
    box = box_mask(draw_cutmix_boxes(len(own.images), size, how, generator), size).to(own.images.device)
    captions = None
    if own.captions is not None and partner.captions is not None:
        captions = with_partner_captions(own.captions, partner.captions, has_box(box))
    return StrongViews(
        paste_boxes(own.images, partner.images, box),
        paste_record(own.guess, partner.guess, box),
        paste_record(own.pseudo, partner.pseudo, box),
        paste_record(own.teacher, partner.teacher, box),
        captions,
    )
