"""The tiny models of the embedded world, which come with seglet and need no download."""

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "weights"

SHIPPED: Mapping[str, str] = {
    "tiny-clip": "clip",
    "tiny-sd": "stable-diffusion",
    "tiny-captioner": "captioner",
    "tiny-depth": "depth",
    "tiny-resnet18-w25": "resnet18-w25",
    "tiny-resnet18-w50": "resnet18-w50",
    "tiny-mit_b0-w50": "mit_b0-w50",
}
"""Their folders by short name. Each folder has a README.md: what it is, how it was made and what it scores."""


def shipped(name: str) -> Path | None:
    """The folder of a model that comes with seglet; None for any other name."""
    return FOLDER / SHIPPED[name] if name in SHIPPED else None
