"""Words and captions of the training: those of the embedded world, and other beginnings of sentences."""

import re
from collections.abc import Sequence

import torch
from jaxtyping import Integer
from torch import Tensor

from seglet.data.world.appearance import OBJECT_HUES, OBJECT_TEXTURES
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import SHAPE_NAMES
from seglet.data.world.scene import CAPTION_OPENINGS

PROMPTS = ("a clean origami", "a realistic photograph of", "a drawing of", "this is", "there is")
"""Openings of prompts that are usual with CLIP and Stable Diffusion; some captions begin with one."""

MORE_WORDS = "the and , . with on in front of nothing empty background scene image image photo no two three"
CONTENT = 4
"""Most words of a caption that name things: three objects and a background."""


def words() -> tuple[str, ...]:
    """Returns every word that a caption or a prompt may contain."""
    phrases = [ground.phrase for ground in BACKGROUND_KINDS.values()]
    text = " ".join(
        [
            *SHAPE_NAMES,
            *OBJECT_HUES,
            *OBJECT_TEXTURES,
            *BACKGROUND_KINDS,
            *phrases,
            *CAPTION_OPENINGS,
            *PROMPTS,
            MORE_WORDS,
            "a an",
        ]
    )
    return tuple(sorted(set(text.split())))


def with_opening(caption: str, opening: str) -> str:
    """Returns the caption with another opening."""
    for known in sorted(CAPTION_OPENINGS, key=len, reverse=True):
        if caption.startswith(known):
            return f"{opening} {caption[len(known) :].strip()}".strip()
    return caption


def content(caption: str) -> tuple[str, ...]:
    """Names of shapes, then that of the background, in the order of the caption."""
    names = [word for word in re.findall(r"[a-z]+", caption) if word in SHAPE_NAMES or word in BACKGROUND_KINDS]
    return tuple(name for name in names if not (name == "wall" and "brick" in names))


def content_places(ids: Integer[Tensor, "b n"], known: Sequence[int]) -> Integer[Tensor, "b 4"]:
    """Returns the positions of each text's words of `known` ids: the last four, filled up with -1."""
    named = torch.isin(ids, torch.tensor(known))
    places = torch.where(named, torch.arange(ids.shape[1]), -1)
    return places.sort(dim=1, descending=True).values[:, :CONTENT]
