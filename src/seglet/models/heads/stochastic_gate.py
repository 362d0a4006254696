"""The stochastic gate, which keeps a network from trusting its shallow features too early."""

from jaxtyping import Float
from torch import Tensor

from seglet.models.layers.dropout import Noise


class StochasticGate(Noise):
    """Mixes two maps: in evaluation a share `p` of the shallow one; in training each value comes from one of the two.

    Its draws come from a generator like those of all `Noise`. Each call draws anew, whatever the batch size; the
    authors' gate remembers the shape of its first batch.

    Source: Araslanov and Roth, CVPR 2020, Sec. 4.4; SSSS, models/mods/sg.py; golden stochastic_gate.
    """

    def __init__(self, p: float = 0.3) -> None:  # 0.3 is ψ of the authors' config
        super().__init__(p)

    def forward(self, deep: Float[Tensor, "b c h w"], shallow: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if not self.training or self.p == 0:
            return deep.lerp(shallow, self.p)
        return gated(deep, shallow, self.draw(deep, tuple(deep.shape)) * (1 - self.p), self.p)


def gated(
    deep: Float[Tensor, "b c h w"], shallow: Float[Tensor, "b c h w"], keep: Float[Tensor, "b c h w"], p: float
) -> Float[Tensor, "b c h w"]:
    """Where `keep` is 1 the deep value, moved away from the shallow one so that the mean over draws is `deep`; where
    it is 0 the shallow value.

    Args:
        keep: 0 with probability `p`, else 1.
    """
    moved = (deep - p * shallow) / (1 - p)
    return shallow + keep * (moved - shallow)
