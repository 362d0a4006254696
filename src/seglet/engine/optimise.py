"""Optimisers and learning rates; a rate is a function of the step alone, so it needs no state to resume."""

import torch
from torch import nn

from seglet.engine.settings import Settings


def optimiser(method: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """For all trained parameters alike: no special rate for heads, no exemption from weight decay (CIRKD code)."""
    trained = [p for p in method.parameters() if p.requires_grad]
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        trained, lr=settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
    )


def learning_rate(step: int, settings: Settings) -> float:
    """Of the step numbered from 0: polynomial decay to zero after a linear warm-up."""
    warm = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    decay: float = (1 - step / settings.steps) ** settings.power
    return settings.learning_rate * warm * decay
