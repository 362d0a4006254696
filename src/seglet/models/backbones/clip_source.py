"""CLIP's image tower as the backbone of any method's student: `student: weclip-clip:clip-b16`."""

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.matching import MatchedWeights
from seglet.models.backbones.sources import BackboneSource
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.known_models import known_model


def open_clip(place: str, weights: bool = True) -> BackboneSource:
    """Describes the image tower of a CLIP model; its text encoder is read too, and left behind.

    Args:
        place: a short name of `KNOWN_MODELS`, an id of the hub (`@REVISION` may follow) or a folder.
        weights: whether its weights are wanted, which are read in any case.

    Raises:
        ValueError: the model is not available, incomplete or no CLIP.
    """
    tower = ImageTextEncoder.load(place).image
    description = tower.description()
    given = {f"tower.{name}": tensor for name, tensor in tower.state_dict().items()}

    def read(backbone: Backbone) -> MatchedWeights:
        own = backbone.state_dict()
        return MatchedWeights({name: tensor for name, tensor in given.items() if name in own}, ())

    entry = known_model(place.partition("@")[0])
    red, green, blue = description["mean"]
    mean, std = (red, green, blue), tuple(description["std"])
    licence = "" if entry is None else entry.licence
    return BackboneSource(f"clip:{place}", "clip", None, mean, (std[0], std[1], std[2]), read, licence, description)
