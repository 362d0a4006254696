"""ViLaDiff small enough for a step in a fraction of a second."""

from dataclasses import replace
from typing import Any

import torch
from tests.methods.semi import semi
from tests.methods.toys import CLASSES

from seglet.methods.viladiff import Config, Method
from seglet.methods.viladiff.captions import TOKENS
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
    """With captions of five channels; `captions: None` has none."""
    return Method.build(Config(**{**TINY, "captions": "world", **changes}), CLASSES, seed=0).train()


def captioned(partner: bool = False, seed: int = 0) -> SemiStep:
    """The toys with four caption tokens, of which the second image lacks two."""
    step = semi(partner, streams=1)
    draws = torch.Generator().manual_seed(seed)
    parts = [_told(part, draws) for part in (step.labelled, step.unlabelled, *([step.partner] if partner else []))]
    return SemiStep(*parts)  # type: ignore[arg-type]


def _told(part: Any, draws: torch.Generator) -> Any:
    tokens = torch.randn(2, 4, 5, generator=draws)
    return replace(part, columns={TOKENS: tokens, f"{TOKENS}.length": torch.tensor([4, 2])})
