"""Teachers of concepts: networks that find in an image what a phrase names, each phrase by itself.

Axes: t phrases, l tokens, d channels of a token, h rows, w columns, y rows and x columns of the network's own maps.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.hub import ModelFiles
from seglet.models.foundation.image_input import authors_normalisation, read_preprocessing
from seglet.models.foundation.loading import check_finite
from seglet.models.foundation.text_tower import TokenVectors
from seglet.models.foundation.tokenizer import TokenizedText, tokenize_texts
from seglet.models.layers.normalise import ChannelValues, Normalise
from seglet.tensors import resize_antialiased
from seglet.types import TensorRecord

IDENTITY: tuple[ChannelValues, ChannelValues] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Mean and deviation of a network that takes images in [0, 1] as they are."""


@dataclass(frozen=True)
class ConceptMaps(TensorRecord):
    """Answers to each phrase, in [0, 1]: how sure a network is of it at each place, and that it is in the image."""

    maps: Float[Tensor, "t y x"]
    presence: Float[Tensor, " t"]


@dataclass(frozen=True)
class SquareInput:
    """Preparation of images for a network: squeezed to a square of `side` pixels, and normalised."""

    side: int
    normalise: Normalise

    @classmethod
    def read(cls, folder: Path, side: int, mean: ChannelValues, std: ChannelValues) -> "SquareInput":
        """Reads the authors' settings beside the weights; what they lack is as given.

        Raises:
            ValueError: the authors' images are no squares, or not scaled to [0, 1] first.
        """
        settings = read_preprocessing(folder)
        size = settings.get("size") or side
        sides = {int(size)} if isinstance(size, int | float) else {int(value) for value in size.values()}
        if len(sides) != 1:
            raise ValueError(f"{folder} takes images of size {size}; only squares are supported")
        if not settings.get("do_normalize", True):
            settings = {key: value for key, value in settings.items() if not key.startswith("image_")}
            mean, std = IDENTITY
        return cls(sides.pop(), authors_normalisation(settings, mean, std))

    def __call__(self, image: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 s s"]:
        """Returns an image in [0, 1] as the network takes it."""
        squeezed = resize_antialiased(image, (self.side, self.side)).clamp(0, 1)
        prepared: Tensor = self.normalise.to(image.device)(squeezed)
        return prepared


class ConceptTeacher(nn.Module, ABC):
    """A network that finds what phrases name, frozen. An image is encoded once, whatever the number of phrases.

    Args:
        model: the network of transformers.
        tokenizer: its tokenizer.
        square: how it takes images.
        limit: number of tokens of a phrase that it reads.
        found: its files.
    """

    contrastive = False
    """True if a phrase is compared with others, so that words for everything else are needed."""

    def __init__(self, model: nn.Module, tokenizer: Any, square: SquareInput, limit: int, found: ModelFiles) -> None:
        super().__init__()
        self.model: Any = model
        self.tokenizer = tokenizer
        self.square = square
        self.limit = limit
        self.found = found

    def tokenize(self, texts: Sequence[str]) -> tuple[TokenizedText, ...]:
        """Tokenizes phrases and reports whether an end is cut off and which words fall apart or are unknown."""
        return tokenize_texts(self.tokenizer, texts, self.limit)

    @torch.no_grad()
    def embed(self, phrases: Sequence[str]) -> TokenVectors:
        """Returns the vectors by which the network is asked for each phrase.

        Raises:
            ValueError: there is no phrase.
        """
        if not phrases:
            raise ValueError("expected at least one phrase, got none")
        written = self.tokenizer(
            list(phrases), padding="max_length", truncation=True, max_length=self.limit, return_tensors="pt"
        ).to(next(self.model.parameters()).device)
        return self._embedded(written["input_ids"], written["attention_mask"])

    @torch.no_grad()
    def concept_maps(
        self, image: Float[Tensor, "1 3 h w"], phrases: TokenVectors, others: TokenVectors | None = None
    ) -> ConceptMaps:
        """Returns what the network says of each phrase, at its own resolution.

        Args:
            image: RGB in [0, 1].
            phrases: result of `embed`.
            others: words for everything else, for a contrastive network.

        Raises:
            ValueError: the output is not finite: half precision was too coarse.
        """
        found = self._maps(self.square(image).to(next(self.model.parameters()).dtype), phrases, others)
        check_finite(found.maps, "what this network says of phrases", self.model)
        return found

    @abstractmethod
    def _embedded(self, ids: Tensor, valid: Tensor) -> TokenVectors:
        """Returns the vectors of tokenized phrases."""

    @abstractmethod
    def _maps(self, pixels: Tensor, phrases: TokenVectors, others: TokenVectors | None) -> ConceptMaps:
        """Returns the maps of an image that is prepared for the network."""

    def identity(self) -> str:
        """Returns an identifier of the exact weights, for the address of a column; see `ModelFiles.identity`."""
        return self.found.identity()
