"""Scores of classes by a network that is asked by words: the phrases of each class, asked of an image.

Axes: f foreground classes, h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.prompts.read import prompts_for
from seglet.methods.concepts.config import Config
from seglet.models.foundation.concept_networks import load_concept_teacher
from seglet.models.foundation.concept_teacher import ConceptTeacher
from seglet.models.foundation.text_tower import TokenVectors
from seglet.types import Classes


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class at the network's resolution, and its presence in the image; 0 for classes not asked for."""

    maps: Float[Tensor, "f h w"]
    presence: Float[Tensor, " f"]


@dataclass(frozen=True)
class AskedTeacher:
    """A network with the vectors of the phrases of all classes, and `owners`, the class of each phrase."""

    network: ConceptTeacher
    phrases: TokenVectors
    owners: tuple[int, ...]
    others: TokenVectors | None
    count: int

    def scores(self, image: Float[Tensor, "1 3 _ _"], wanted: Sequence[int]) -> ClassScores:
        """Returns the scores of the wanted classes: of each, its strongest phrase. The image is encoded once."""
        places = [place for place, owner in enumerate(self.owners) if owner in wanted]
        if not places:
            return ClassScores(image.new_zeros(self.count, 1, 1), image.new_zeros(self.count))
        asked = TokenVectors(self.phrases.states[places], self.phrases.valid[places])
        found = self.network.concept_maps(image, asked, self.others)
        maps = found.maps.new_zeros(self.count, *found.maps.shape[1:])
        presence = found.maps.new_zeros(self.count)
        for row, place in enumerate(places):
            owner = self.owners[place]
            maps[owner] = torch.maximum(maps[owner], found.maps[row])
            presence[owner] = torch.maximum(presence[owner], found.presence[row])
        return ClassScores(maps, presence)


def class_phrases(config: Config, classes: Classes) -> tuple[list[list[str]], list[str]]:
    """Returns the sentences of each class but the background, and those of words for everything else.

    Raises:
        DataError: the prompts cannot be used.
    """
    chosen = prompts_for(classes, config.prompts)

    def written(phrases: Sequence[str]) -> list[str]:
        return [config.template.replace("{}", phrase) for phrase in phrases]

    return [written(chosen.phrases[name]) for name in classes.foreground.values()], written(chosen.background)


def load_asked_teacher(config: Config, classes: Classes, device: torch.device) -> AskedTeacher:
    """Loads the network and embeds the phrases of all classes.

    Raises:
        ValueError: the network is not available, or the prompts cannot be used.
    """
    sentences, background = class_phrases(config, classes)
    network = load_concept_teacher(config.model, config.model_precision, config.evidence == "instances").to(device)
    owners = tuple(place for place, group in enumerate(sentences) for _ in group)
    phrases = network.embed([sentence for group in sentences for sentence in group])
    others = network.embed(background) if network.contrastive and background else None
    return AskedTeacher(network, phrases, owners, others, len(sentences))


def wording_notes(teacher: AskedTeacher, config: Config, classes: Classes) -> list[str]:
    """Returns notes on words that the network's tokenizer does not know or cuts off."""
    sentences, _ = class_phrases(config, classes)
    notes = []
    for name, group in zip(classes.foreground.values(), sentences, strict=True):
        readings = teacher.network.tokenize(group)
        unknown = dict.fromkeys(word for reading in readings for word in reading.unknown)
        if unknown:
            notes.append(f"class {name!r}: the network knows no {', '.join(unknown)}; give other words with `prompts`")
        notes += [
            f"only the first {reading.limit} tokens of {reading.text!r} are read; shorten it"
            for reading in readings
            if reading.truncated
        ]
    return notes
