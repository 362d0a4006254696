"""ImageNet classes for a class that WordNet does not know, by the similarity of their names in a text encoder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from seglet.methods.imagenet.synsets import Synset
from seglet.models.foundation.text_encoder import SentenceEncoder, load_text_encoder

LEAST_SIMILARITY = 0.5
"""Cosine of two names below which they have nothing in common."""
_MARGIN = 0.1
"""Cosine by which others may be below the most similar name and are still taken."""
_BATCH = 64


def most_similar(names: Sequence[str], synsets: Sequence[Synset], encoder: str) -> list[list[tuple[Synset, float]]]:
    """Returns for each name the synsets whose first word is nearly as similar to it as the most similar one's.

    They come with the cosine of their text vectors, the highest first; none where that is below `LEAST_SIMILARITY`.

    Args:
        names: names of classes.
        synsets: ImageNet's classes and their ancestors.
        encoder: text encoder by short name, id of the hub or folder, such as `minilm-l6`.

    Raises:
        ValueError: the encoder is not available, or is the text half of a CLIP.
    """
    network = load_text_encoder(Path(encoder) if Path(encoder).exists() else encoder)
    if not isinstance(network, SentenceEncoder):
        raise ValueError(f"name_encoder {encoder!r} is a CLIP; give an encoder of sentences, such as minilm-l6")
    cosines = _vectors(names, network) @ _vectors([synset.words[0] for synset in synsets], network).T
    return [_best(row, synsets) for row in cosines]


def _vectors(texts: Sequence[str], network: SentenceEncoder) -> Tensor:
    return torch.cat([network.embed(texts[first : first + _BATCH]) for first in range(0, len(texts), _BATCH)])


def _best(cosines: Tensor, synsets: Sequence[Synset]) -> list[tuple[Synset, float]]:
    least = max(float(cosines.max()) - _MARGIN, LEAST_SIMILARITY)
    found = [(synsets[place], float(cosines[place])) for place in cosines.argsort(descending=True, stable=True)]
    return [(synset, cosine) for synset, cosine in found if cosine >= least]
