"""A memory of what classes look like: features of pictures as keys, classes as values (Tip-Adapter, for patches).

Axes: b images, n patches, d channels, m keys, k classes, c = k + 1 with the background first.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.models.centroids import centroids

LOUDEST = 20.0
"""The largest exponent in retrieval: learned keys may grow, but what they say stays finite."""


class KeyValueCache(nn.Module):
    """Static retrieval: `forward` says how much the keys that a patch is like speak for each class.

    All is kept in buffers, so that a cache is its `state_dict`: `KeyValueCache(**state)` is the same one again.

    Args:
        keys: directions of length 1, `centre` taken off before.
        values: what each key says, 0 or more.
        centre: what is taken off each direction before it is compared; zeros for nothing.
        pictured: the class, from 1 up, whose pictures each key comes from, also of background keys.
        support: how many pictures each key is the mean of.

    Raises:
        ValueError: numbers of keys differ.
    """

    keys: Float[Tensor, "m d"]
    values: Float[Tensor, "m c"]
    centre: Float[Tensor, " d"]
    pictured: Int64[Tensor, " m"]
    support: Int64[Tensor, " m"]

    def __init__(self, keys: Tensor, values: Tensor, centre: Tensor, pictured: Tensor, support: Tensor) -> None:
        super().__init__()
        counts = {len(part) for part in (keys, values, pictured, support)}
        if len(counts) > 1:
            raise ValueError(
                f"expected one value, class and support for each of {len(keys)} keys, got {counts} of them"
            )
        self.register_buffer("keys", keys)
        self.register_buffer("values", values)
        self.register_buffer("centre", centre)
        self.register_buffer("pictured", pictured)
        self.register_buffer("support", support)

    def forward(self, features: Float[Tensor, "b n d"], sharpness: float = 5.5) -> Float[Tensor, "b n c"]:
        """Features of any length. Without keys, 0. Source: DiCLIP, Eq. 2."""
        return retrieved(directions(features, self.centre), self.keys, self.values, sharpness)

    def unknown(self) -> list[int]:
        """Classes, from 1 up, that no key speaks for."""
        spoken = self.values[:, 1:].gt(0).any(dim=0)
        return [index + 1 for index, known in enumerate(spoken.tolist()) if not known]


def retrieved(
    queries: Float[Tensor, "b n d"], keys: Float[Tensor, "m d"], values: Float[Tensor, "m c"], sharpness: float = 5.5
) -> Float[Tensor, "b n c"]:
    """Values weighed by exp(-sharpness (1 - likeness)) of query and key, their product; in at least float32.

    Source: Zhang et al., ECCV 2022 (Tip-Adapter), Eq. 3, whose sharpness lies between 1 and 5.5; golden tip_adapter.
    """
    precision = torch.promote_types(queries.dtype, torch.float32)
    with torch.autocast(queries.device.type, enabled=False):
        likeness = queries.to(precision) @ keys.to(precision).mT
        scores: Tensor = activation(likeness, sharpness) @ values.to(precision)
    return scores


def activation(likeness: Float[Tensor, "b n m"], sharpness: float) -> Float[Tensor, "b n m"]:
    """Changes what it is given; 1 where likeness is 1, but never more than e to the power of `LOUDEST`."""
    return likeness.sub_(1).mul_(sharpness).clamp_(max=LOUDEST).exp_()


def directions(features: Float[Tensor, "*any d"], centre: Float[Tensor, " d"]) -> Float[Tensor, "*any d"]:
    """Features at length 1, the centre taken off, at length 1 again; zeros stay what minus the centre is."""
    values = F.normalize(features.to(torch.promote_types(features.dtype, torch.float32)), dim=-1)
    return F.normalize(values - centre.to(values), dim=-1)


def build_cache(
    foreground: Sequence[Float[Tensor, "_ d"]],
    background: Sequence[Float[Tensor, "_ d"]],
    words: Float[Tensor, "k d"],
    counts: tuple[int | None, int | None] = (10, 1),
    weighted: bool = True,
    centred: bool = True,
) -> KeyValueCache:
    """Keys from pictures of single classes: `counts` centroids of each class and of what surrounds it.

    Args:
        foreground: for each class, the features of its pictures' objects; a class may have none, see `unknown`.
        background: likewise of what is around them.
        words: embeddings of the classes' prompts.
        counts: of a class's centroids and of its background's (paper: 200 and 20 keys for 20 classes; on COCO 5 a
            class); None keeps every feature, which Table V shows to be worse.
        weighted: whether a class's key says as much as it is like the class's word, divided by the most that any key
            is; otherwise it says 1, as background keys do.
        centred: whether the mean key is taken off before comparing: features of CLIP lie in a narrow cone. Not in
            the paper.

    Raises:
        ValueError: numbers of classes differ; there is no feature at all.

    Source: DiCLIP, Eq. 9 and 10, whose measure of likeness the text lost; ours is the cosine, negative ones cut off.
    """
    if not len(foreground) == len(background) == len(words):
        raise ValueError(
            f"{len(words)} words, but foregrounds of {len(foreground)} classes and backgrounds of {len(background)};"
            " give each class one (of no features, if it has no pictures)"
        )
    parts = [_keys(features, counts[0], index + 1) for index, features in enumerate(foreground)]
    own = sum(len(keys) for keys, _, _ in parts)
    parts += [_keys(features, counts[1], index + 1) for index, features in enumerate(background)]
    keys, support, pictured = (torch.cat(part) for part in zip(*parts, strict=True))
    if len(keys) == 0:
        raise ValueError("no class has a feature to remember; are all masks of the pictures empty?")
    label = pictured.masked_fill(torch.arange(len(keys), device=keys.device) >= own, 0)
    values = F.one_hot(label, len(words) + 1).to(keys)
    if weighted and own:
        values[:own] *= _importance(keys[:own], words.to(keys)[pictured[:own] - 1])[:, None]
    centre = keys.mean(dim=0) if centred else torch.zeros_like(keys[0])
    return KeyValueCache(directions(keys, centre), values, centre, pictured, support)


def _keys(features: Float[Tensor, "_ d"], count: int | None, label: int) -> tuple[Tensor, Tensor, Tensor]:
    """Directions, how many features each stands for, and the class."""
    unit = F.normalize(features.to(torch.promote_types(features.dtype, torch.float32)), dim=1)
    if count is None:
        keys, support = unit, torch.ones(len(unit), dtype=torch.long, device=unit.device)
    else:
        keys, support = centroids(unit, count)
    return F.normalize(keys, dim=1), support, torch.full_like(support, label)


def _importance(keys: Float[Tensor, "m d"], words: Float[Tensor, "m d"]) -> Float[Tensor, " m"]:
    """Of each key beside the most important one; all 1 where no key is like its word. Source: DiCLIP, Eq. 10."""
    likeness = (keys * F.normalize(words, dim=1)).sum(dim=1).clamp_min(0)
    most = likeness.max()
    return torch.where(most > 0, likeness / most.clamp_min(torch.finfo(keys.dtype).tiny), 1)
