"""EfficientNet-Lite0, 1 and 2: EfficientNet with ReLU6 and without squeeze-and-excitation.

The Lite variants are Google's, whose stem and whose first and last stages are not scaled. Convolutions pad as
TensorFlow's "same" does, so that the published ImageNet weights give the published values.
"""

from seglet.models.backbones.efficientnet import EfficientNet
from seglet.models.backbones.variants import EFFICIENTNET_LITES
from seglet.models.layers.normalise import Normalise


class EfficientNetLite(EfficientNet):
    """EfficientNet-Lite without its classifier and the 1x1 convolution before it.

    Args:
        variant: a key of `EFFICIENTNET_LITES`.
        width: factor on all channel counts (rounded to multiples of 8); published weights exist for 1.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(self, variant: str, normalise: Normalise, width: float = 1.0, output_stride: int = 32) -> None:
        super().__init__(EFFICIENTNET_LITES[variant], normalise, width, output_stride)
