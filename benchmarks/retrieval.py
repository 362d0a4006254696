"""Dense key-value retrieval by two products of matrices, against a loop over patches."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._harness import Result, side_by_side
from seglet.models.clip_cache.cache import retrieve_values

IMAGES, PATCHES, CHANNELS, KEYS, CLASSES, SHARPNESS = 4, 400, 512, 312, 21, 5.5


def run() -> Result:
    generator = torch.Generator().manual_seed(0)
    queries = F.normalize(torch.randn(IMAGES, PATCHES, CHANNELS, generator=generator), dim=2)
    keys = F.normalize(torch.randn(KEYS, CHANNELS, generator=generator), dim=1)
    values = torch.rand(KEYS, CLASSES, generator=generator)

    def same(ours: Tensor, theirs: Tensor) -> bool:
        return torch.allclose(ours, theirs, rtol=1e-5)

    shapes = f"{IMAGES}x{PATCHES} patches, {CHANNELS} channels, {KEYS} keys, {CLASSES} classes, float32"
    return side_by_side(
        "retrieval",
        lambda: retrieve_values(queries, keys, values, SHARPNESS),
        lambda: rival(queries, keys, values),
        same,
        shapes,
    )


def rival(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    scores = torch.empty(*queries.shape[:2], values.shape[1])
    for image, patches in enumerate(queries):
        for place, patch in enumerate(patches):
            weights = torch.exp(-SHARPNESS * (1 - (keys * patch).sum(dim=1)))
            scores[image, place] = (weights[:, None] * values).sum(dim=0)
    return scores
