"""Collates views of single samples into the typed steps that methods take.

Axes: b views, k classes, h rows, w columns.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seglet.data.augment.geometry import AugmentedView
from seglet.data.columns.kinds import LENGTH_SUFFIX
from seglet.types import Crop, Labelled, Tagged, Target, tag_vector


def labelled_batch(views: Sequence[AugmentedView]) -> Labelled:
    """Returns views with masks as one step."""
    labels = torch.from_numpy(np.stack([view.labels for view in views if view.labels is not None])).long()
    return Labelled(
        ids=sample_ids(views),
        images=stack_images(views),
        target=Target(labels, torch.ones(labels.shape)),
        crop=crop_record(views),
        columns=collate_columns(views),
        texts=collate_texts(views),
    )


def tagged_batch(views: Sequence[AugmentedView], num_classes: int) -> Tagged:
    """Returns views with tags as one step."""
    return Tagged(
        ids=sample_ids(views),
        images=stack_images(views),
        tags=torch.stack([tag_vector(view.tags or (), num_classes) for view in views]),
        crop=crop_record(views),
        columns=collate_columns(views),
        texts=collate_texts(views),
    )


def sample_ids(views: Sequence[AugmentedView]) -> tuple[str, ...]:
    """Returns the ids of the samples that the views were taken of."""
    return tuple(view.id for view in views)


def stack_images(views: Sequence[AugmentedView]) -> Float[Tensor, "b planes h w"]:
    """Returns the images of the views, which have one size, as a batch."""
    return torch.stack([view.image for view in views])


def collate_columns(views: Sequence[AugmentedView]) -> dict[str, Tensor]:
    """Returns each column as a batch; sequences are padded with zeros to the longest, with their lengths beside them.

    The lengths of column `NAME` have the name `NAME.length`.
    """
    columns: dict[str, Tensor] = {}
    for name in views[0].columns:
        values = [view.columns[name] for view in views]
        if views[0].kinds.get(name) == "sequence":
            columns[name] = pad_sequence(values, batch_first=True)
            columns[name + LENGTH_SUFFIX] = torch.tensor([len(value) for value in values])
        else:
            columns[name] = torch.stack(values)
    return columns


def collate_texts(views: Sequence[AugmentedView]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Returns each column of text as one tuple per view."""
    return {name: tuple(view.texts[name] for view in views) for name in views[0].texts}


def crop_record(views: Sequence[AugmentedView]) -> Crop:
    """Returns the crop boxes and flips of the views as one record."""
    boxes = torch.tensor([view.box for view in views], dtype=torch.float32)
    return Crop(boxes, torch.tensor([view.flipped for view in views]))
