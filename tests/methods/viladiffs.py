"""A ViLaDiff that takes a step in a fraction of a second."""

from dataclasses import replace
from typing import Any

import torch
from tests.methods.semi import semi
from tests.methods.toys import CLASSES

from seglet.methods.viladiff import Config, Method
from seglet.methods.viladiff.captions import TOKENS_COLUMN
from seglet.types import SemiStep

TINY: dict[str, Any] = {
    "student": "vila-clip_tiny",
    "width": 0.125,
    "threshold": 0.0,
    "denoiser_width": 8,
    "denoiser_blocks": 1,
    "denoising_steps": 3,
    "text_width": 5,
}


def viladiff(**changes: Any) -> Method:
    """Returns a ViLaDiff for caption tokens of five channels; `captions=None` takes none."""
    return Method.build(Config(**{**TINY, "captions": "world", **changes}), CLASSES, seed=0).train()


def captioned(partner: bool = False, seed: int = 0) -> SemiStep:
    """Returns the toy step with four caption tokens per image, two of the second image being padding."""
    step = semi(partner, streams=1)
    rng = torch.Generator().manual_seed(seed)
    parts = [_with_tokens(part, rng) for part in (step.labelled, step.unlabelled, *([step.partner] if partner else []))]
    return SemiStep(*parts)  # type: ignore[arg-type]


def _with_tokens(part: Any, rng: torch.Generator) -> Any:
    tokens = torch.randn(2, 4, 5, generator=rng)
    return replace(part, columns={TOKENS_COLUMN: tokens, f"{TOKENS_COLUMN}.length": torch.tensor([4, 2])})
