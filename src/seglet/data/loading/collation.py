"""Views of single samples collated into the typed steps that methods take."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seglet.data.augment.geometry import AugmentedView
from seglet.data.columns.kinds import LENGTH_SUFFIX
from seglet.data.loading.views import Seen
from seglet.types import Crop, Labelled, Tagged, Target


def labelled_batch(items: Sequence[Seen]) -> Labelled:
    """Views with masks as one step."""
    views = [item.viewed for item in items]
    labels = torch.from_numpy(np.stack([v.labels for v in views if v.labels is not None])).long()
    return Labelled(
        ids=sample_ids(items),
        images=stack_images(views),
        target=Target(labels, torch.ones(labels.shape)),
        crop=crop_record(views),
        columns=collate_columns(items),
        texts=collate_texts(items),
    )


def tagged_batch(items: Sequence[Seen]) -> Tagged:
    views = [item.viewed for item in items]
    tags = torch.stack([item.tags for item in items])
    return Tagged(
        sample_ids(items), stack_images(views), tags, crop_record(views), collate_columns(items), collate_texts(items)
    )


def sample_ids(items: Sequence[Seen]) -> tuple[str, ...]:
    """Of the samples."""
    return tuple(item.id for item in items)


def stack_images(views: Sequence[AugmentedView]) -> Float[Tensor, "b 3 h w"]:
    """Side by side."""
    return torch.stack([v.image for v in views])


def collate_columns(items: Sequence[Seen]) -> dict[str, Tensor]:
    """Of the samples; sequences are padded with zeros to the longest; the lengths go beside them."""
    columns: dict[str, Tensor] = {}
    for name in items[0].viewed.columns:
        values = [item.viewed.columns[name] for item in items]
        if items[0].kinds.get(name) == "sequence":
            columns[name] = pad_sequence(values, batch_first=True)
            columns[name + LENGTH_SUFFIX] = torch.tensor([len(value) for value in values])
        else:
            columns[name] = torch.stack(values)
    return columns


def collate_texts(items: Sequence[Seen]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Columns of text of the samples."""
    return {name: tuple(item.texts[name] for item in items) for name in items[0].texts}


def crop_record(views: Sequence[AugmentedView]) -> Crop:
    """Where these views were taken, as one record."""
    boxes = torch.tensor([v.box for v in views], dtype=torch.float32)
    return Crop(boxes, torch.tensor([v.flipped for v in views]))
