"""Identity of a foundation model's weights, part of the address of whatever is computed with them."""

from pathlib import Path

from seglet.models.foundation import clip, stable_diffusion
from seglet.models.foundation.hub import find_model
from seglet.models.foundation.known_models import ModelKind, known_model

_LAYOUTS = {"clip": clip.CLIP_LAYOUT, "diffusion": stable_diffusion.STABLE_DIFFUSION_LAYOUT}


def weights_identity(source: str, kind: ModelKind) -> str:
    """Returns the hub id of a model on the hub, which need not be downloaded, or else a hash of its files.

    Raises:
        ValueError: files of a folder, or of a model that comes with seglet, are missing.
    """
    entry = known_model(source)
    name = source if entry is None else entry.id
    if Path(source).expanduser().is_dir() or "/" not in name:
        return find_model(source, kind, _LAYOUTS[kind]).identity()
    return name
