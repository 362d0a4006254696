"""Text embeddings of the classes, for methods that compare images with words.

Axes: d channels of the space that images and texts share, f foreground classes (all but the background), m background
phrases.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seglet.data.prompts.read import prompts_for
from seglet.labels.cam.text_cam import cosine_similarity
from seglet.models.foundation.text_tower import TextTower
from seglet.types import Classes


@dataclass(frozen=True)
class ClassTexts:
    """Text embeddings of the foreground classes and of background phrases, and notes on how CLIP reads them."""

    classes: Float[Tensor, "f d"]
    background: Float[Tensor, "m d"]
    notes: tuple[str, ...] = ()


@torch.no_grad()
def embed_class_texts(text: TextTower, classes: Classes, prompts: str, drop_overlap: bool = False) -> ClassTexts:
    """Embeds the prompts of all classes, and of the background, whose phrases that mean a class are told or left out.

    Raises:
        ValueError: CLIP knows no word of a class.
    """
    chosen = prompts_for(classes, prompts)
    names = classes.foreground.values()
    texts = [chosen.texts(name) for name in names]
    notes = []
    for name in names:
        phrases = chosen.phrases[name]
        readings = text.tokenize(phrases)
        if all(reading.empty or len(reading.unknown) == len(reading.pieces) for reading in readings):
            raise ValueError(f"CLIP knows no word of {name!r}, read as {phrases[0]!r}; give other words with `prompts`")
        broken = dict.fromkeys(word for reading in readings for word in (*reading.broken, *reading.unknown))
        if broken:
            notes.append(f"CLIP splits {', '.join(broken)} of class {name!r} into pieces; other words may work better")
    for reading in text.tokenize([one for group in texts for one in group]):
        if reading.truncated:
            notes.append(f"CLIP reads only the first {reading.limit} tokens of {reading.text!r}; shorten it")
    embedded, background = text.embed_classes(texts), chosen.background_texts()
    around = text.embed_classes(background) if background else embedded[:0]
    meant = overlapping_background(embedded, around)
    for label, name in enumerate(names):
        words = ", ".join(chosen.background[word] for word in (meant == label).nonzero()[:, 0].tolist())
        if words:
            done = "are left out" if drop_overlap else "hide it if they mean it (background_overlap: drop)"
            notes.append(f"background phrases that are like class {name!r} to CLIP {done}: {words}")
    return ClassTexts(embedded, around[meant < 0] if drop_overlap else around, tuple(notes))


def overlapping_background(classes: Float[Tensor, "f d"], background: Float[Tensor, "m d"]) -> Int64[Tensor, " m"]:
    """Returns for each background text the class that it may mean, counted from 0, or -1.

    It may mean the most similar class if it is more like it than any two classes are like each other: those are told
    apart, so what is nearer is not. With fewer than two classes there is no such measure, and the result is -1.
    """
    if len(classes) < 2:
        return torch.full((len(background),), -1, device=background.device)
    among = cosine_similarity(classes[None], classes)[0].fill_diagonal_(-1).max()
    nearest, label = cosine_similarity(background[None], classes)[0].max(dim=1)
    return torch.where(nearest > among, label, -1)
