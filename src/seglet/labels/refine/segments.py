"""Votes of class scores within segments of the image. Axes: k classes, s segments, h rows, w columns."""

from jaxtyping import Bool, Float
from torch import Tensor


def vote_in_segments(scores: Float[Tensor, "k h w"], segments: Bool[Tensor, "s h w"]) -> Float[Tensor, "k h w"]:
    """Returns scores where each pixel has the mean over the smallest segment that covers it.

    Segments may overlap. Pixels without any score take no part in a mean; a pixel in no segment keeps its scores.
    """
    flat, result = scores.flatten(1), scores.flatten(1).clone()
    voting = flat.sum(dim=0) > 0
    inside = segments.flatten(1)
    for place in inside.sum(dim=1).argsort(descending=True, stable=True).tolist():
        voters = inside[place] & voting
        if bool(voters.any()):
            result[:, inside[place]] = flat[:, voters].mean(dim=1, keepdim=True)
    return result.view_as(scores)
