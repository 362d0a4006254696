"""What names the weights of a foundation model, for the address of what was computed with them."""

from pathlib import Path

from seglet.models.foundation import clip, stable_diffusion
from seglet.models.foundation.hub import find
from seglet.models.foundation.known_models import Kind, known

LAYOUTS = {"clip": clip.LAYOUT, "diffusion": stable_diffusion.LAYOUT}


def weights(source: str, kind: Kind) -> str:
    """An id of the hub stands for itself, also where its weights are not here; anything else for its content.

    Raises:
        ValueError: a folder, or a model that comes with seglet, is not whole.
    """
    entry = known(source)
    name = source if entry is None else entry.id
    if Path(source).expanduser().is_dir() or "/" not in name:
        return find(source, kind, LAYOUTS[kind]).identity()
    return name
