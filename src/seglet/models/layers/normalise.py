"""Normalisation from RGB in [0, 1], or stored values of other channels, to the input that a backbone was trained on."""

from jaxtyping import Float
from torch import Tensor, nn, tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

ChannelValues = tuple[float, ...]


class Normalise(nn.Module):
    """Subtracts a mean and divides by a deviation, both in the units of the images; they are no part of the weights.

    Args:
        mean, std: one number for each channel, in the order of the backbone's input (blue first if `bgr`).
        bgr: the backbone expects blue, green, red.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: ChannelValues = IMAGENET_MEAN, std: ChannelValues = IMAGENET_STD, bgr: bool = False
    ) -> None:
        super().__init__()
        self.bgr = bgr
        self.register_buffer("mean", tensor(mean, device="cpu").view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", tensor(std, device="cpu").view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        ordered = images.flip(1) if self.bgr else images
        return (ordered - self.mean) / self.std
