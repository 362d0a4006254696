"""A classifier for networks that learn from tags, which never say where background is."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class WithBackground(nn.Module):
    """A 1x1 convolution to the logits of all classes but class 0, whose own logit is a constant.

    Raises:
        ValueError: there is no class besides the background.
    """

    def __init__(self, inside: int, num_classes: int, constant: float, bias: bool = True) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"class 0 is the background here, so 2 classes are the least; got {num_classes}")
        self.foreground = nn.Conv2d(inside, num_classes - 1, 1, bias=bias)
        self.constant = constant

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        logits: Tensor = self.foreground(features)
        return torch.cat([torch.full_like(logits[:, :1], self.constant), logits], dim=1)
