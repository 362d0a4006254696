"""What the teacher says of plain views, and what CutMix makes of it.

Axes: b images, k classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.labels.semi.cutmix import Boxes, draw_boxes, inside, mixed, paste, paste_guess
from seglet.labels.semi.pseudo_label import Guess
from seglet.methods.viladiff.texts import pasted
from seglet.models.heads.vila import Stream, Text
from seglet.tensors import resize_nearest
from seglet.types import SemiStep


@dataclass(frozen=True)
class Taught:
    """Images in strong views with all that is known of them: pseudo labels, the teacher's visual stream, captions."""

    images: Float[Tensor, "b 3 h w"]
    guess: Guess
    stream: Stream
    text: Text | None


def weak_views(step: SemiStep) -> tuple[Float[Tensor, "b 3 h w"], Bool[Tensor, "b h w"]]:
    """All plain views that labels are guessed in: the step's own, then those that are pasted, if they are others."""
    parts = [step.unlabelled, *([step.partner] if step.partner else [])]
    return torch.cat([part.images for part in parts]), torch.cat([part.valid for part in parts])


def strong_views(step: SemiStep, guess: Guess, stream: Stream, text: Text | None) -> tuple[Taught, Taught]:
    """The step's own images and those that are pasted into them, of what is known of `weak_views`."""
    count = len(step.unlabelled.images)
    own = Taught(step.unlabelled.strong[0], *_some(guess, stream, text, slice(0, count)))
    if step.partner is None:
        back = torch.arange(count - 1, -1, -1, device=own.images.device)
        return own, Taught(own.images[back], *_some(guess, stream, text, back))
    return own, Taught(step.partner.strong[0], *_some(guess, stream, text, slice(count, 2 * count)))


def _some(guess: Guess, stream: Stream, text: Text | None, which: slice | Tensor) -> tuple[Guess, Stream, Text | None]:
    chosen = Guess(guess.labels[which], guess.confidence[which], guess.valid[which])
    streamed = Stream(stream.tokens[which], stream.maps[which], stream.logits[which])
    return chosen, streamed, None if text is None else Text(text.states[which], text.valid[which])


def cutmix(own: Taught, partner: Taught, how: Boxes, generator: torch.Generator) -> Taught:
    """Boxes of the partner pasted with its labels, trust and the teacher's maps; where there is one, both captions."""
    size = (own.images.shape[2], own.images.shape[3])
    box = inside(draw_boxes(len(own.images), size, how, generator), size).to(own.images.device)
    text = None
    if own.text is not None and partner.text is not None:
        text = pasted(own.text, partner.text, mixed(box))
    return Taught(
        paste(own.images, partner.images, box),
        paste_guess(own.guess, partner.guess, box),
        Stream(
            *(
                paste(mine, theirs, box_at(box, (mine.shape[2], mine.shape[3])))
                for mine, theirs in (
                    (own.stream.tokens, partner.stream.tokens),
                    (own.stream.maps, partner.stream.maps),
                    (own.stream.logits, partner.stream.logits),
                )
            )
        ),
        text,
    )


def box_at(box: Bool[Tensor, "b y x"], size: tuple[int, int]) -> Bool[Tensor, "b h w"]:
    """The box at the resolution of a map, by nearest neighbour."""
    return resize_nearest(box[:, None].float(), size)[:, 0].bool()


def halves(stream: Stream, count: int) -> tuple[Stream, Stream]:
    """Of the first `count` images, and of the others."""
    first, second = (
        Stream(stream.tokens[some], stream.maps[some], stream.logits[some])
        for some in (slice(0, count), slice(count, None))
    )
    return first, second
