"""One branch of diffusion-guided distillation (DGKD): what is denoised, and with which parts."""

from torch import nn

from seglet.models.diffusion.denoiser import conv_norm
from seglet.models.diffusion.diffkd import Comparison, DiffKD, Options

DGKD = Options(reduction=1, align=False, mix_noise=False)
"""Of DiffKD's parts, the denoiser alone, as wide inside as outside: no alignment, adapter or autoencoder."""


def branch(channels: int, compare: Comparison, steps: int = 5) -> DiffKD:
    """A `DiffKD` for features of that many channels, or for masks of that many classes.

    Features and masks of an image in the light are the teacher, of the same image in the dark the student. Masks are
    given as probabilities, which `losses.dist.correlation_loss` softens once more, as the authors do. `compare` is
    that, `losses.kl.kl_divergence` or the squared difference (Table 2a); `steps` is T.

    Source: DGKD-WLSS, Eq. 5-7, losses/ddim.py; golden ddim.
    """
    options = Options(steps, reduction=DGKD.reduction, align=DGKD.align, mix_noise=DGKD.mix_noise)
    return DiffKD(channels, channels, options, compare)


class FeatureProjection(nn.Sequential):
    """What is distilled of a feature map: convolution 3x3 with bias, normalisation, ReLU.

    Student and teacher have one each, for the shallow map and for the deep one. In the authors' runs the teacher's keep
    their random start, which nobody trains: reproduce that, or give both the same weights.

    Source: DGKD-WLSS, models/_ssss_wsss.py, feat and feat2; not in the paper.
    """

    def __init__(self, inside: int, channels: int = 256) -> None:
        super().__init__(*conv_norm(inside, channels, 3), nn.ReLU(inplace=True))
