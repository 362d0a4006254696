"""Class activation maps joined by what a key-value cache of images knows.

Axes: b images, n patches, k classes, c = k + 1 with the background first.
"""

from jaxtyping import Float
from torch import Tensor

from seglet.labels.cam.patch_text import min_max


def static_scores(retrieved: Float[Tensor, "b n c"], negative: bool = True) -> Float[Tensor, "b k n"]:
    """Classes as the cache knows them, each filling [0, 1] over the patches; less where it knows the background.

    What is retrieved for a class, scaled to its range, is multiplied by 1 minus the background's, scaled likewise.

    Args:
        negative: whether the background counts; False is the positive cache alone.

    Source: DiCLIP, Sec. III-D (D.2), which says no more than "multiplying"; scales and complement are our reading.
    """
    scaled = min_max(retrieved)
    foreground = scaled[..., 1:]
    return (foreground * (1 - scaled[..., :1]) if negative else foreground).mT


def enhanced(
    cam: Float[Tensor, "b k n"], scores: Float[Tensor, "b k n"], weight: float = 0.5
) -> Float[Tensor, "b k n"]:
    """The patch-text map plus `weight` times the cache's scores; in [0, 1 + `weight`] if both are in [0, 1].

    Source: DiCLIP, Eq. 11 and 13; 0.5 from Table VI (g).
    """
    return cam + weight * scores
