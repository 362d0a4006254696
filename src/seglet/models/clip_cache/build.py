"""Builds a key-value cache from features of images that show one class each.

Axes: d channels, m keys, f foreground classes; index i of these is label i + 1.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.models.clip_cache.cache import KeyValueCache, unit_directions
from seglet.models.clip_cache.centroids import find_centroids
from seglet.tensors import at_least_float32


def build_cache(
    foreground: Sequence[Float[Tensor, "_ d"]],
    background: Sequence[Float[Tensor, "_ d"]],
    texts: Float[Tensor, "f d"],
    counts: tuple[int | None, int | None] = (10, 1),
    weighted: bool = True,
    centred: bool = True,
) -> KeyValueCache:
    """Builds a cache whose keys are `counts` centroids of each class and of its background.

    Args:
        foreground: for each class, the features of its images' objects; there may be none, see `classes_without_keys`.
        background: likewise, of their surroundings.
        texts: embeddings of the classes' prompts.
        counts: of a class's centroids and of its background's (paper: 200 and 20 keys for 20 classes; on COCO 5 a
            class); None keeps every feature, which Table V shows to be worse.
        weighted: whether the value of a class's key is its similarity to the class's text, divided by the largest of
            any key; otherwise it is 1, as for background keys.
        centred: whether the mean key is subtracted before comparing: features of CLIP lie in a narrow cone. Not in the
            paper.

    Raises:
        ValueError: numbers of classes differ; there is no feature at all.

    Source: DiCLIP, Eq. 9 and 10, whose measure of similarity is missing; ours is the cosine, negative ones set to 0.
    """
    if not len(foreground) == len(background) == len(texts):
        raise ValueError(
            f"{len(texts)} texts, but foregrounds of {len(foreground)} classes and backgrounds of {len(background)};"
            " give each class one (of no features, if it has no images)"
        )
    parts = [_keys(features, counts[0], label) for label, features in enumerate(foreground, start=1)]
    own = sum(len(keys) for keys, _, _ in parts)
    parts += [_keys(features, counts[1], label) for label, features in enumerate(background, start=1)]
    keys, support, pictured = (torch.cat(part) for part in zip(*parts, strict=True))
    if len(keys) == 0:
        raise ValueError("no class has a feature to keep; are all masks of the images empty?")
    labels = pictured.masked_fill(torch.arange(len(keys), device=keys.device) >= own, 0)
    values = F.one_hot(labels, len(texts) + 1).to(keys)
    if weighted and own:
        values[:own] *= _importance(keys[:own], texts.to(keys)[pictured[:own] - 1])[:, None]
    centre = keys.mean(dim=0) if centred else torch.zeros_like(keys[0])
    return KeyValueCache(unit_directions(keys, centre), values, centre, pictured, support)


def _keys(features: Float[Tensor, "_ d"], count: int | None, label: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns keys as directions, the number of features each stands for, and their class."""
    unit = F.normalize(at_least_float32(features), dim=1)
    if count is None:
        keys, support = unit, torch.ones(len(unit), dtype=torch.long, device=unit.device)
    else:
        keys, support = find_centroids(unit, count)
    return F.normalize(keys, dim=1), support, torch.full_like(support, label)


def _importance(keys: Float[Tensor, "m d"], texts: Float[Tensor, "m d"]) -> Float[Tensor, " m"]:
    """Returns the importance of each key relative to the largest; 1 for all where no key resembles its text. Source:
    DiCLIP, Eq. 10.
    """
    similarity = (keys * F.normalize(texts, dim=1)).sum(dim=1).clamp_min(0)
    most = similarity.max()
    return torch.where(most > 0, similarity / most.clamp_min(torch.finfo(keys.dtype).tiny), 1)
