"""What names the weights of a foundation model, for the address of what was computed with them."""

from pathlib import Path

from seglet.models.foundation import clip, stable_diffusion
from seglet.models.foundation.hub import find_model
from seglet.models.foundation.known_models import ModelKind, known_model

LAYOUTS = {"clip": clip.CLIP_LAYOUT, "diffusion": stable_diffusion.STABLE_DIFFUSION_LAYOUT}


def weights(source: str, kind: ModelKind) -> str:
    """An id of the hub stands for itself, also where its weights are not here; anything else for its content.

    Raises:
        ValueError: a folder, or a model that comes with seglet, is not whole.
    """
    entry = known_model(source)
    name = source if entry is None else entry.id
    if Path(source).expanduser().is_dir() or "/" not in name:
        return find_model(source, kind, LAYOUTS[kind]).identity()
    return name
