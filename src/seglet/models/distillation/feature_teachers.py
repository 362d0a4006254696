"""Frozen encoders of others whose features a student learns from.

Axes: b images, c channels, h rows, w columns.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.distillation.feature_taps import TapShape
from seglet.models.distillation.teachers import Frozen

if TYPE_CHECKING:
    from seglet.models.foundation.pretrained_encoder import PretrainedEncoder

EncoderPlace = tuple[str, str]
"""Source of an encoder (`hf:…`), and the name of one of its maps."""


class FeatureTeachers(nn.Module):
    """The encoders of some places, each loaded once; never part of a checkpoint."""

    def __init__(self, encoders: "Mapping[str, PretrainedEncoder]") -> None:
        super().__init__()
        self.sources = tuple(encoders)
        self.encoders = nn.ModuleList(Frozen(encoder) for encoder in encoders.values())

    @classmethod
    def load(cls, places: Sequence[EncoderPlace]) -> "FeatureTeachers":
        """Loads the encoders of these places; none where there is no place.

        Raises:
            ValueError: an encoder is not available or is of another kind, or has no map of that name.
        """
        if not places:
            return cls({})
        from seglet.models.foundation.pretrained_encoder import PretrainedEncoder

        encoders = {source: PretrainedEncoder.load(source) for source in dict.fromkeys(source for source, _ in places)}
        for source, place in places:
            try:
                encoders[source].check_place(place)
            except ValueError as error:
                raise ValueError(f"terms: in {source} {error}") from error
        return cls(encoders)

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "b 3 _ _"], places: Sequence[EncoderPlace]
    ) -> Mapping[EncoderPlace, Float[Tensor, "b c h w"]]:
        """Computes the map of each place."""
        return {
            (source, place): self.encoders[self.sources.index(source)](images, place)
            for source, place in dict.fromkeys(places)
        }

    def measure(self, places: Sequence[EncoderPlace]) -> Mapping[EncoderPlace, TapShape]:
        """Returns the shape of the map at each place."""
        return {
            (source, place): TapShape(self._encoder(source).channels(place), self._encoder(source).patch)
            for source, place in places
        }

    def notes(self) -> list[str]:
        """Returns a line on each encoder, to print before training."""
        from seglet.models.backbones.published import hub_licence

        return [
            f"teacher of features {source}: {self._encoder(source).kind}, {self._encoder(source).identity()}; licence: "
            f"{hub_licence(source.removeprefix('hf:')) or 'not known here; see its page or folder'}"
            for source in self.sources
        ]

    def _encoder(self, source: str) -> "PretrainedEncoder":
        frozen = self.encoders[self.sources.index(source)]
        assert isinstance(frozen, Frozen)
        encoder: PretrainedEncoder = frozen.network
        return encoder
