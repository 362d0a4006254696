"""Caption tokens of a step's images, as the fusion stream takes them.

Axes: b images, l tokens, t their channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from seglet.data.columns.kinds import LENGTH_SUFFIX
from seglet.labels.semi.cutmix import join_captions
from seglet.methods.viladiff.captions import TOKENS_COLUMN
from seglet.models.heads.vila import CaptionStates
from seglet.types import Labelled, SemiStep, Unlabelled


@dataclass(frozen=True)
class StepCaptions:
    """Captions of the labelled images, and of the unlabelled ones: the step's own before those of a partner."""

    labelled: CaptionStates
    unlabelled: CaptionStates


def captions_of_step(step: SemiStep, shuffle: bool) -> StepCaptions:
    """Reads the captions of a step from its columns; with `shuffle` each image gets those of the image before it.

    Raises:
        ValueError: the step has no captions.
    """
    parts: list[Labelled | Unlabelled] = [step.labelled, step.unlabelled, *([step.partner] if step.partner else [])]
    if any(TOKENS_COLUMN not in part.columns for part in parts):
        raise ValueError(f"the step has no column {TOKENS_COLUMN!r}; run `seglet prepare`, or set captions: none")
    captions = CaptionStates.cat([captions_in_columns(part.columns) for part in parts])
    if shuffle:
        captions = captions.map(lambda rows: rows.roll(1, 0))
    labelled = len(step.labelled.images)
    return StepCaptions(captions[:labelled], captions[labelled:])


def captions_in_columns(columns: Mapping[str, Tensor]) -> CaptionStates:
    """Returns the caption tokens of a batch in single precision; they are stored in half."""
    states, lengths = columns[TOKENS_COLUMN], columns[TOKENS_COLUMN + LENGTH_SUFFIX]
    return CaptionStates(states.float(), torch.arange(states.shape[1], device=states.device) < lengths[:, None])


def with_partner_captions(own: CaptionStates, partner: CaptionStates, mixed: Bool[Tensor, " b"]) -> CaptionStates:
    """Returns captions to which those of the partner are added where an image is `mixed` with it."""
    states, valid = join_captions((own.states, own.valid), (partner.states, partner.valid), mixed)
    return CaptionStates(states, valid)
