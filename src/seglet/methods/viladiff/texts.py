"""Captions of a step's images as the fusion stream reads them.

Axes: b images, l tokens, t their channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seglet.data.columns.kinds import LENGTH_SUFFIX
from seglet.labels.semi.cutmix import join_tokens
from seglet.methods.viladiff.captions import TOKENS
from seglet.models.heads.vila import Text
from seglet.types import Labelled, SemiStep, Unlabelled


@dataclass(frozen=True)
class Texts:
    """Of the labelled images, and of all unlabelled ones: first the step's own, then those that are pasted."""

    labelled: Text
    unlabelled: Text


def texts_of(step: SemiStep, shuffle: bool) -> Texts:
    """What the columns hold; with `shuffle` each image has the captions of the one before it in the step.

    Raises:
        ValueError: the step has no captions.
    """
    parts: list[Labelled | Unlabelled] = [step.labelled, step.unlabelled, *([step.partner] if step.partner else [])]
    if any(TOKENS not in part.columns for part in parts):
        raise ValueError(f"the step has no column {TOKENS!r}; run `seglet prepare`, or set captions: none")
    whole = Text.cat([read(part.columns) for part in parts])
    if shuffle:
        whole = whole.map(lambda rows: rows.roll(1, 0))
    labelled = len(step.labelled.images)
    return Texts(whole[:labelled], whole[labelled:])


def read(columns: Mapping[str, Tensor]) -> Text:
    """A batch's column of sequences; in single precision, as half is what it was stored in."""
    states, lengths = columns[TOKENS], columns[TOKENS + LENGTH_SUFFIX]
    return Text(states.float(), torch.arange(states.shape[1], device=states.device) < lengths[:, None])


def pasted(own: Text, partner: Text, also: Tensor) -> Text:
    """Of images that show a part of their partner where `also` says so: both captions."""
    states, valid = join_tokens((own.states, own.valid), (partner.states, partner.valid), also)
    return Text(states, valid)
