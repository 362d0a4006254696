"""A file of EfficientNet-Lite0's layout with random weights, which the reader of the packages reads."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from seglet.models.backbones.imagenet import _published_names
from seglet.models.backbones.imagenet_classifier import ImageNetClassifier, _published_name


def random_classifier(folder: Path) -> str:
    """Writes the file and returns its path; the same weights each time."""
    file = folder / "random-lite0.safetensors"
    if not file.is_file():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = ImageNetClassifier("efficientnet_lite0")
        backbone = network.backbone.state_dict()
        tensors = {theirs: backbone[ours] for ours, theirs in _published_names(network.backbone)}
        for name, value in network.state_dict().items():
            if not name.startswith("backbone."):
                tensors[_published_name(name)] = value[:, :, 0, 0] if name == "classify.weight" else value
        save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    return str(file)
