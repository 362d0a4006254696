"""The classifier behind the ImageNet weights of EfficientNet-Lite, applied at every place of its last feature map.

Axes: b images, c classes of ImageNet, h rows, w columns of the last map.
"""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.efficientnet_lite import EfficientNetLite
from seglet.models.backbones.imagenet import IMAGENET_PACKAGES, match_efficientnet_lite
from seglet.models.io.checkpoints import read_tensors
from seglet.models.layers.normalise import Normalise
from seglet.models.layers.same_conv import SameConvNorm

HEAD_CHANNELS = 1280
"""Channels between the backbone and the classifier, of all variants."""

_HEAD_LAYERS = {"widen.conv": "_conv_head", "widen.norm": "_bn1", "classify": "_fc"}
"""Our names of the layers behind the backbone, and the published ones."""


class ImageNetClassifier(nn.Module):
    """EfficientNet-Lite with its classifier as a 1x1 convolution, so that each place of the last map has logits.

    The mean over the places of the features before the last layer would give the published logits of an image.

    Args:
        variant: a key of `EFFICIENTNET_LITES`.
        classes: number of classes; 1000 of ImageNet-1k.
        output_stride: 8, 16 or 32, pixels per place.
    """

    def __init__(self, variant: str, classes: int = 1000, output_stride: int = 32) -> None:
        super().__init__()
        package = IMAGENET_PACKAGES[variant]
        normalise = Normalise(package.mean, package.std)
        self.backbone = EfficientNetLite(variant, normalise, output_stride=output_stride)
        self.widen = SameConvNorm(self.backbone.channels[-1], HEAD_CHANNELS)
        self.activation = nn.ReLU6()
        self.classify = nn.Conv2d(HEAD_CHANNELS, classes, 1)

    def forward(self, images: Float[Tensor, "b 3 _ _"]) -> Float[Tensor, "b c h w"]:
        """Returns logits of the classes at each place, for images in [0, 1]."""
        logits: Tensor = self.classify(self.features(images))
        return logits

    def features(self, images: Float[Tensor, "b 3 _ _"]) -> Float[Tensor, "b d h w"]:
        """Returns what the last layer reads, at each place."""
        features: Tensor = self.activation(self.widen(self.backbone(images)[-1]))
        return features


def load_imagenet_classifier(variant: str, file: Path, output_stride: int = 32) -> ImageNetClassifier:
    """Builds a classifier with the weights of a file, in the layout of the packages, in evaluation mode.

    Raises:
        ValueError: the file holds another network, or one without its classifier.
    """
    tensors = read_tensors(file)
    last = tensors.get("_fc.weight")
    if last is None or last.ndim != 2:
        raise ValueError(
            f"{file} has no classifier (`_fc.weight`); take a file of {IMAGENET_PACKAGES[variant].name}, whose 1000 "
            "classes are what masks are made of"
        )
    network = ImageNetClassifier(variant, len(last), output_stride)
    backbone = match_efficientnet_lite(network.backbone, tensors, file)
    own = network.state_dict()
    weights = {f"backbone.{name}": tensor for name, tensor in backbone.weights.items()}
    names = {name: _published_name(name) for name in own if not name.startswith("backbone.")}
    if missing := [theirs for theirs in names.values() if theirs not in tensors]:
        raise ValueError(f"{file} lacks {missing[0]!r} of the classifier; take a file that is complete")
    weights |= {ours: tensors[theirs].reshape(own[ours].shape) for ours, theirs in names.items()}
    network.load_state_dict({**own, **weights})
    return network.eval().requires_grad_(False)


def _published_name(name: str) -> str:
    layer, _, tensor = name.rpartition(".")
    return f"{_HEAD_LAYERS[layer]}.{tensor}"
