"""Zero-DCE, a small network that brightens an image by curves of its own for each pixel, and its folder on disk.

The folder holds `config.json` and `model.safetensors`, nothing executable.

Axes: b images, c channels, h rows, w columns, n = 3 · iterations curves.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from seglet import files

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_FORMAT, _VERSION = "seglet-zero-dce", 1


class ZeroDCE(nn.Module):
    """Seven 3x3 convolutions, joined in pairs from the outside in; 79 416 parameters as published.

    Args:
        width: channels of the hidden layers; 32 as published.
        iterations: how often the curve is applied, each time with parameters of its own; 8 as published.

    Source: Guo et al., CVPR 2020, Eq. 3 and Fig. 2.
    """

    def __init__(self, width: int = 32, iterations: int = 8) -> None:
        super().__init__()
        if width < 1 or iterations < 1:
            raise ValueError(f"expected a width and iterations of 1 or more, got {width} and {iterations}")
        self.width, self.iterations = width, iterations
        insides = [3, *[width] * 3, *[2 * width] * 3]
        outsides = [*[width] * 6, 3 * iterations]
        self.layers = nn.ModuleList(map(_convolution, insides, outsides))

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws weights as the authors do, so that at first the curves hardly change an image."""
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                parameter.normal_(0, 0.02, generator=generator)
            else:
                parameter.zero_()

    def curves(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n h w"]:
        """Returns the parameters of all curves, in [-1, 1]."""
        one, two, three, four, five, six, seven = self.layers
        first = one(images).relu()
        second = two(first).relu()
        third = three(second).relu()
        hidden = five(torch.cat([third, four(third).relu()], dim=1)).relu()
        hidden = six(torch.cat([second, hidden], dim=1)).relu()
        out: Tensor = seven(torch.cat([first, hidden], dim=1))
        return out.tanh()

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Returns brighter images, in [0, 1] as they were."""
        return apply_curves(images, self.curves(images))


def _convolution(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)


def apply_curves(images: Float[Tensor, "b 3 h w"], curves: Float[Tensor, "b n h w"]) -> Float[Tensor, "b 3 h w"]:
    """Applies the curve x + α x (1 - x), one set of parameters after another; 0 and 1 stay, and order is kept."""
    for alpha in curves.chunk(curves.shape[1] // 3, dim=1):
        images = images + alpha * images * (1 - images)  # Eq. 3
    return images


def save_zero_dce(folder: Path, model: ZeroDCE, training: dict[str, Any]) -> None:
    """Writes the folder of a Zero-DCE, all or nothing; `training` describes how it was trained."""
    with files.replace_atomically(folder) as temporary:
        temporary.mkdir()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        files.write_tensors(temporary / _WEIGHTS, tensors, {"format": "pt"})
        digest = files.file_sha256(temporary / _WEIGHTS)
        size = {"width": model.width, "iterations": model.iterations}
        about = {"format": _FORMAT, "version": _VERSION, **size, "sha256": digest, "training": training}
        files.write_json(temporary / _CONFIG, files.sealed(about))


def load_zero_dce(folder: Path) -> ZeroDCE:
    """Loads a Zero-DCE in evaluation mode, on the CPU.

    Raises:
        ValueError: something is missing, damaged or of another format; the message names it and the cure.
    """
    cure = "give a folder that `seglet enhance --method zero-dce --train-on DIR` saved"
    if not (folder / _CONFIG).is_file() or not (folder / _WEIGHTS).is_file():
        raise ValueError(f"{str(folder)!r} has no {_CONFIG} and {_WEIGHTS}; {cure}")
    config = files.read_json(folder / _CONFIG)
    if not isinstance(config, dict) or (config.get("format"), config.get("version")) != (_FORMAT, _VERSION):
        raise ValueError(f"{str(folder / _CONFIG)!r} does not describe a Zero-DCE of version {_VERSION}; {cure}")
    files.check_seal(config, folder / _CONFIG)
    if files.file_sha256(folder / _WEIGHTS) != config.get("sha256"):
        raise ValueError(f"{str(folder / _WEIGHTS)!r} is not the file that {_CONFIG} describes; copy or train it again")
    try:
        with torch.device("meta"):
            model = ZeroDCE(int(config["width"]), int(config["iterations"]))
        model.load_state_dict(load_file(folder / _WEIGHTS), assign=True)
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{str(folder)!r} does not fit its {_CONFIG} ({error}); train it again") from error
    return model.eval().requires_grad_(False)
